"""Azure Machine Learning on this machine: a workspace whose command jobs run as processes, one per MPI rank.

- service.py: the operations of Azure Resource Manager; history.py: those of the run history
- state.py: jobs, environments and clusters as they stand; changes.py: what of a job may change
- shown.py: how the services show all that; errors.py: how they refuse
- scheduler.py: a job's way from Starting to its end; clusters that grow from no nodes
- execution.py: the ranks of a job
- contract.py: Microsoft's files, flattened; models.py: what stands in where they are not at hand
"""
