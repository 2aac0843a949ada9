"""Azure Batch on this machine: pools of simulated nodes that run the command lines of tasks as processes.

- service.py: the operations; jobs.py, tasks.py, pools.py: what each does
- state.py: jobs, tasks, pools and nodes as they stand; times.py: how long things take, and how far behind lists are
- describe.py: how the service shows them; refusals.py: what it says where it refuses
- contract.py: what requests and answers must be like, and what the service says all the same
- listing.py: $filter, $select and pages of lists
- scheduler.py: which task runs on which node, and what follows from how it ended
- execution.py: a task's process, its environment and directories; uploads.py: its output files
- scaling.py: nodes that come, go and are taken away, as the pool's autoscale formula says
- management.py: pools as Resource Manager is told of them
"""
