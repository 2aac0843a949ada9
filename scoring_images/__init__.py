"""What runs on a compute node: one folder per image, with its entry point, requirements and Dockerfile."""
