//! A slab whose ids are never used twice: each place counts how often it was filled.

/// A place and the count of its fillings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id {
    place: u32,
    filling: u32,
}

/// Things by [`Id`]; all operations take constant time.
#[derive(Debug)]
pub(crate) struct Table<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place<T> {
    filling: u32,
    thing: Option<T>,
}

impl<T> Table<T> {
    /// Empty.
    pub fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }

    /// How many things there are.
    pub fn len(&self) -> usize {
        self.places.len().saturating_sub(self.free.len())
    }

    /// Puts a thing in; callers bound how many (at most `u32::MAX`, which they stay far below).
    pub fn insert(&mut self, thing: T) -> Id {
        if let Some(place) = self.free.pop()
            && let Some(found) = self.places.get_mut(index(place))
        {
            found.thing = Some(thing);
            return Id {
                place,
                filling: found.filling,
            };
        }
        let place = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push(Place {
            filling: 0,
            thing: Some(thing),
        });
        Id { place, filling: 0 }
    }

    /// Looks a thing up.
    pub fn get(&self, id: Id) -> Option<&T> {
        let place = self.places.get(index(id.place))?;
        (place.filling == id.filling).then_some(place.thing.as_ref()?)
    }

    /// Looks a thing up, to change it.
    pub fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        let place = self.places.get_mut(index(id.place))?;
        if place.filling != id.filling {
            return None;
        }
        place.thing.as_mut()
    }

    /// Takes a thing out; its id is void from now on.
    pub fn remove(&mut self, id: Id) -> Option<T> {
        let place = self.places.get_mut(index(id.place))?;
        if place.filling != id.filling {
            return None;
        }
        let thing = place.thing.take()?;
        place.filling = place.filling.wrapping_add(1);
        self.free.push(id.place);
        Some(thing)
    }
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_id_does_not_find_the_new_thing_in_its_place() {
        let mut table = Table::new();
        let first = table.insert("first");
        let other = table.insert("other");
        assert_eq!(table.remove(first), Some("first"));
        let second = table.insert("second");
        assert_eq!(second.place, first.place);
        assert_eq!(table.get(first), None);
        assert_eq!(table.remove(first), None);
        assert_eq!(table.get(second), Some(&"second"));
        assert_eq!(table.get_mut(other), Some(&mut "other"));
        assert_eq!(table.len(), 2);
    }
}
