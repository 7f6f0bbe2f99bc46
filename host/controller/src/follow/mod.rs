//! Logs as they grow: which files there are, how far each is matched, and matching them again for new indicators.
