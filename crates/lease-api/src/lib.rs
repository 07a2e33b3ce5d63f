//! The HTTP contract of kubelease: routes, authentication, shapes, problems.
