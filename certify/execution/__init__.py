"""One door for independent tasks: here, in processes of this machine, or on a Dask cluster; to the same bits."""
