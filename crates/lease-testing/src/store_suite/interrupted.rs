//! Two operations side by side: the second interrupts the first at each step.

use std::cell::RefCell;
use std::rc::Rc;

use super::bench::Bench;
use lease_store::{FenceError, KeyValue};

/// Runs `second` within `first`, before each of its operations and after the last.
///
/// `prepare` makes the two anew each time, and what is to hold of them afterwards.
pub(super) fn everywhere<'a, K: KeyValue>(
    store: &'a K,
    prepare: impl Fn(&Bench<'a, K>) -> (Action<'a, K>, Box<dyn FnOnce() + 'a>, Check<'a, K>),
) {
    for operations in 0.. {
        let bench = Bench::new(store);
        let (first, second, check) = prepare(&bench);
        let second = Rc::new(RefCell::new(Some(second)));
        let within = second.clone();
        let run = |second: &RefCell<Option<Box<dyn FnOnce() + 'a>>>| {
            if let Some(second) = second.borrow_mut().take() {
                second();
            }
        };
        bench.store.interrupt(operations, move || run(&within));
        first(&bench);
        let last = bench.store.was_not_interrupted();
        run(&second);
        check(&bench, operations);
        if last {
            assert!(operations > 1, "it was interrupted everywhere");
            return;
        }
    }
}

pub(super) type Action<'a, K> = Box<dyn FnOnce(&Bench<'a, K>) + 'a>;

pub(super) type Check<'a, K> = Box<dyn FnOnce(&Bench<'a, K>, usize) + 'a>;

/// Returns a cell in two halves: one step writes its outcome, and the test reads it to judge the
/// other step.
pub(super) fn noted<T: 'static>() -> (impl Fn(T) + 'static, impl FnOnce() -> T + 'static) {
    let told = Rc::new(RefCell::new(None));
    let ask = told.clone();
    (
        move |value| *told.borrow_mut() = Some(value),
        move || ask.borrow_mut().take().expect("it was run"),
    )
}

pub(super) fn went_well(result: Result<(), FenceError>) -> bool {
    match result {
        Ok(()) => true,
        Err(FenceError::Fenced) => false,
        Err(FenceError::Store(error)) => panic!("{error}"),
    }
}
