"""How far an answer can be trusted: calibration, prediction sets, refusal, golden self-test."""
