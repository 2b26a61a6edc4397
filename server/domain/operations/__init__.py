"""运行状况: what operators see of the running service. Reads the tables of all rooms, and changes nothing but failed jobs."""
