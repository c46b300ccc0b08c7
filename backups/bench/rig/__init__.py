"""What the measurements stand on: cloud, broker and workers in processes of their own, and bare
loops to compare.
"""
