"""纸质证书 (S91): printed on numbered sheets within five working days of 发放, and sent to the school by courier.

states the life of a run and its parcel · stock serials of sheets · working_days until when · print_runs, parcels the
verbs · print_file what the printer gets · transitions the one writer · paper_queries the SQL · paper_views what staff and
schools see
"""
