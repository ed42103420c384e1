//! The front desk: query, version, login, the one gate (wipe, block, policy), throttling, dispatch, and which error becomes which
//! HTTP status or Status element.
