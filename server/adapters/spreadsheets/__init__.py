"""Tables out of foreign files. Light on purpose: the child process that reads them imports this package,
`server.domain.tables` and `server.errors`, and no more of ours.

files      what a file is, by its bytes, and what is refused unread
account    what a sheet holds by its own marks
archive    the parts of an .xlsx, vetted          worksheet   one of its sheets, judged by an XML pull parser
xls        the records of an old .xls             formats     what a number looks like under its format
delimited  .csv and other text
compare    what was read beside what was judged
reader     the child process: judge (in one beside it: beside), read, answer
process    its parent: limits, deadlines, frames
"""
