"""Azure Batch compute: a run's attempt is a job, its tasks are Batch tasks in the scoring images' containers.

- compute.py: the four verbs of compute
- submission.py: jobs and tasks as Batch is told of them; observation.py: what became of them
- account.py: calls to the account that are tried again, and what their errors mean
- names.py: ids from runs and attempts
- pool.py, formula.py: the pool that runs the tasks, and how many nodes it has
"""
