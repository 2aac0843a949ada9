"""Azure Batch compute: a run's attempt is a job, its tasks are Batch tasks in the scoring images' containers.

- compute.py: the four verbs of compute
- submission.py, adding.py: jobs and tasks as Batch is told of them, and how they get there
- jobs.py, observation.py, streams.py: what the account says, what became of a run, what its tasks wrote
- account.py: calls to the account that are tried again, and what their errors mean
- names.py: ids from runs and attempts
- pool.py, formula.py, mounts.py: the pool that runs the tasks, how many nodes it has, and what those mount
"""
