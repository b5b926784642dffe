//! A server that stands in for a model.
