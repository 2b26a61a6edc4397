"""档案: one candidate, one exam plan, one school, each with everything that is on record about it, on one page."""
