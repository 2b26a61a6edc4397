"""Training courses for teachers (S48): what there is, what it costs, and who takes part. Owing and paying is `payments`."""
