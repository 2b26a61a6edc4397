"""更正 (S68): what is on record or on a certificate is corrected by a case with the formal letter and two people.

states the life · contents what was and will be · case_letters the sealed letter · facts what must hold · requesting,
deciding, completion the verbs · effects what an approved case changes · transitions the one writer · queries the SQL
· case_views what staff see
"""
