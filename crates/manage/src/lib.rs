//! mdadm's verbs as functions.
