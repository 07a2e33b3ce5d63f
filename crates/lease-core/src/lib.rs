//! What may be leased, for how long, and what is kept of it: decisions without IO.
