//! The sync engine: sync keys, windows, replay, diffs, conflicts, ghosting, echo suppression, quarantine. `now` and the source come in,
//! answers and state records go out.
