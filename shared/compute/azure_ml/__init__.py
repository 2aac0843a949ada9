"""Azure Machine Learning compute: a run's attempt is one command job, whose MPI ranks share its tasks.

- compute.py: the four verbs of compute
- definitions.py: the job, its environment and its compute cluster, as the workspace is told of them
- workspace.py: calls to the workspace that are tried again, and what their errors mean
- notes.py: what the app and the ranks of a job tell each other, in the control account
- rank.py: what runs on the nodes
"""
