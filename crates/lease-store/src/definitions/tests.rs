use super::*;
use crate::MemoryStore;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Thing(String, u32);

impl StoredDefinition for Thing {
    type Name = str;
    const KIND: &'static str = "thing";

    fn name(&self) -> &str {
        &self.0
    }
}

fn thing(name: &str, value: u32) -> Thing {
    Thing(name.to_owned(), value)
}

fn names(things: &[Thing]) -> Vec<&str> {
    things.iter().map(|thing| thing.0.as_str()).collect()
}

#[test]
fn a_list_has_the_order_of_first_puts_and_no_gaps() {
    let store = MemoryStore::default();
    let things = Definitions::<_, Thing>::new(&store);
    for name in ["c", "a", "b"] {
        things.put_definition(&thing(name, 1)).expect("puts");
    }
    things.put_definition(&thing("c", 2)).expect("puts again");
    assert_eq!(things.get("c").expect("reads"), Some(thing("c", 2)));
    assert_eq!(names(&things.list_all().expect("lists")), ["c", "a", "b"]);

    assert!(things.delete_definition("a").expect("deletes"));
    assert!(!things.delete_definition("a").expect("deletes nothing"));
    assert_eq!(things.get("a").expect("reads"), None);
    things.put_definition(&thing("a", 3)).expect("puts anew");
    assert_eq!(names(&things.list_all().expect("lists")), ["c", "b", "a"]);
}

#[test]
fn what_rides_is_there_no_later_than_the_change() {
    let store = MemoryStore::default();
    let things = Definitions::<_, Thing>::new(&store);
    let riding = |text: &str| [(format!("event.{text}"), text.as_bytes().to_vec())];
    let before = store.number_of_writes();
    things.put_definition_with_entries(&thing("a", 1), &riding("put")).expect("puts");
    assert_eq!(store.number_of_writes() - before, 2, "a number, and both in one step");
    assert!(store.all_contents().contains_key("event.put"));
    let before = store.number_of_writes();
    assert!(things.delete_definition_with_entries("a", &riding("deleted")).expect("deletes"));
    assert_eq!(store.number_of_writes() - before, 2, "the event, then the deletion");
    assert!(store.all_contents().contains_key("event.deleted"));
    assert!(
        !things.delete_definition_with_entries("a", &riding("again")).expect("deletes nothing")
    );
    assert!(!store.all_contents().contains_key("event.again"), "of nothing there is no event");
}

#[test]
fn pages_make_up_the_list() {
    let store = MemoryStore::default();
    let things = Definitions::<_, Thing>::new(&store);
    for name in ["a", "b", "c", "d", "e"] {
        things.put_definition(&thing(name, 1)).expect("puts");
    }
    things.delete_definition("b").expect("deletes");
    for (from, limit, shown, next) in [
        (0, 2, ["a", "c"].as_slice(), Some(4)),
        (4, 2, &["d", "e"], None),
        (0, 4, &["a", "c", "d", "e"], None),
        (6, 2, &[], None),
        (u64::MAX, 2, &[], None),
    ] {
        let page = things.list_page(from, limit).expect("lists");
        assert_eq!((names(&page.items), page.next), (shown.to_vec(), next), "from {from}");
    }
}

#[test]
fn one_name_put_by_two_replicas_at_once_is_listed_once() {
    let store = MemoryStore::default();
    let things = Definitions::<_, Thing>::new(&store);
    things.put_definition(&thing("a", 1)).expect("puts");
    // The other replica saw no `a` either, and took the next number for it.
    store.increment_counter("count.thing").expect("counts");
    let entry = DefinitionEntry { number: 2, definition: thing("a", 2) };
    let entry = record::encode_record("thing.a", &entry).expect("writes");
    let slot = ("thing-list.2".to_owned(), b"a".to_vec());
    store.set_many(&[slot, ("thing.a".to_owned(), entry)]).expect("writes");
    assert_eq!(things.list_all().expect("lists"), [thing("a", 2)]);
}

#[test]
fn a_put_that_races_a_deletion_is_listed_or_gone_never_half() {
    let store = MemoryStore::default();
    let things = Definitions::<_, Thing>::new(&store);
    things.put_definition(&thing("a", 1)).expect("puts");
    // The put has read the record, then the deletion comes, then the put writes.
    let number = things.find("a").expect("reads").expect("is there").number;
    things.delete_definition("a").expect("deletes");
    let entry = DefinitionEntry { number, definition: thing("a", 2) };
    let entry = record::encode_record("thing.a", &entry).expect("writes");
    let slot = (format!("thing-list.{number}"), b"a".to_vec());
    store.set_many(&[slot, ("thing.a".to_owned(), entry)]).expect("writes");
    assert_eq!(things.list_all().expect("lists"), [thing("a", 2)]);
}
