-- One run waits or is under way at a time; one that came to no end is ended by whoever asks next.
CREATE UNIQUE INDEX doctor_run_open ON doctor_run ((true)) WHERE ended_at IS NULL;
