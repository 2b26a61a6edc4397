"""The national portal's list beside our certificates (S22, S92, S94): kept, compared three ways, each difference settled.

keeping              the rows of a list, in the place of what the portal said before
comparison           only theirs, only ours, differs: remembered, and gone when a later list agrees
portal_differences   what staff see of it, and settle
differences_workbook the same as a spreadsheet
queries              the SQL
"""
