"""The anomaly image: scores windows with the one-class SVMs of a bundle, and reports what they flagged.

`python -m scoring_images.anomaly score` does one part of a run, `merge` adds the parts up; `--help` tells the rest.

- job.py: what a task is asked to do, and what its outputs are called
- spans.py, rows.py: windows from Blob Storage, laid out as the models want them
- score.py, predictions.py: one part, from windows to Parquet and CSV
- merge.py, ranking.py, evidence.py: all parts, from predictions to the worst series
- report.py, tables.py, figure.py, plot.py, axis.py, markup.py, report.css: the page that shows them
"""
