"""Crawlers: look at files, find out what they are, and keep tables over them.

files.py      which objects a target has
sample.py     the beginning of each, unpacked
classify.py   csv.py, json.py, parquet.py: format and columns, by AWS's rules
group.py      which files are one table, and which folders its partitions
write.py      tables and partitions in the catalog, changes recorded
crawlers.py   when a crawler runs, and what became of its runs
"""
