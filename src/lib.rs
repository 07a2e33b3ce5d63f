//! kubelease.
