"""Exam plans, their timetable, the rules of results and their release."""
