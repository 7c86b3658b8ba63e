use super::super::UidSet;

fn set(text: &str) -> UidSet {
    UidSet::parse(text.as_bytes()).unwrap()
}

#[test]
fn sets_are_sorted_and_merged() {
    for (text, want) in [
        ("1", "1"),
        ("3:1", "1:3"),
        ("5,4,1:2,3", "1:5"),
        ("2,2,2", "2"),
        ("1:10,5:7,11", "1:11"),
        ("41,43:116,118", "41,43:116,118"),
        ("0", ""),
        ("0:3", "1:3"),
        ("7:*", "7:4294967295"),
        ("1:4294967295,4294967295", "1:4294967295"),
    ] {
        assert_eq!(set(text).to_string(), want, "{text}");
    }
    for bad in ["", ",", "1,", "a", "1:", ":", "1:2:3", "-1", "4294967296", "1 2", "1:4294967296", "+1"] {
        assert!(UidSet::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn ranges_are_never_expanded() {
    let all = set("1:4294967295");
    assert_eq!((all.ranges().len(), all.len()), (1, u64::from(u32::MAX)));
    assert!(all.contains(1) && all.contains(u32::MAX) && !all.contains(0));
    assert_eq!(all.iter().take(3).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((all.first(), all.last()), (Some(1), Some(u32::MAX)));
    assert_eq!((UidSet::new().len(), UidSet::new().last()), (0, None));
}

#[test]
fn contains_looks_into_gaps() {
    let some = set("2:4,7");
    let inside: Vec<u32> = (0..10).filter(|&id| some.contains(id)).collect();
    assert_eq!(inside, [2, 3, 4, 7]);
    assert_eq!(some.iter().collect::<Vec<_>>(), inside);
    assert_eq!(UidSet::from_sorted([0, 2, 3, 4, 7, 7]), some);
    assert_eq!([7, 4, 3, 2].into_iter().collect::<UidSet>(), some);
}

#[test]
fn chunks_cover_the_set_within_the_length() {
    let some: UidSet = (1..2000).filter(|id| id % 3 != 0).collect();
    let parts = some.chunks(100);
    assert!(parts.iter().all(|part| part.to_string().len() <= 100));
    assert!(parts[0].to_string().len() > 90, "and fill it");
    let joined: Vec<u32> = parts.iter().flat_map(|part| part.iter().collect::<Vec<_>>()).collect();
    assert_eq!(UidSet::from_sorted(joined), some);
    assert_eq!(set("1000:2000").chunks(1).len(), 1, "a range is never cut");
    assert!(UidSet::new().chunks(10).is_empty());
}
