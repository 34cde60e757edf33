//! The located tree → typed values, by serde, with every mistake reported at its place.
//!
//! serde stops at the first mistake. So a mistake is reported, the node that holds it is taken out
//! of the tree, and the value is decoded again, until nothing is left to report. Named things
//! ([`Map`]) are decoded one by one, so that this costs no more than the one entry that is wrong.

use super::{
    diagnostic::{Mark, Notes},
    suggest::{did_you_mean, quote, quote_all},
    yaml::{Kind, NodeId, Tree},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize,
    de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, Visitor},
};
use std::{borrow::Cow, fmt, marker::PhantomData};

/// Most mistakes reported of one entry.
const ATTEMPTS: usize = 100;

/// Names of newtype structs by which types ask [`NodeDeserializer`] for more than serde's data model has.
const SPANNED: &str = "$pointsman::Spanned";
const LAZY: &str = "$pointsman::Lazy";
const LIST: &str = "$pointsman::List";
pub(super) const TEXT_OR_MAP: &str = "$pointsman::TextOrMap";

/// Decodes a node, reporting each mistake and going on without what it concerns. `at` is the place
/// of a missing key; `None` when nothing usable is left (which has then been reported).
pub(super) fn decode<T: DeserializeOwned>(tree: &mut Tree, node: NodeId, at: Mark, notes: &mut Notes) -> Option<T> {
    if tree.is_pruned(node) {
        return None;
    }
    for _ in 0..ATTEMPTS {
        let error = match T::deserialize(NodeDeserializer { tree, node }) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let culprit = error.node.unwrap_or(node);
        if let Some(field) = error.missing {
            if !lacks_by_pruning(tree, culprit, field) {
                let mark = if culprit == node { at } else { tree.mark(culprit) };
                notes
                    .error(mark, error.message)
                    .hint(format!("add `{field}:` to this entry"));
            }
        } else {
            notes.error(tree.mark(culprit), error.message).maybe(error.hint);
        }
        tree.prune(culprit);
        if culprit == node {
            return None;
        }
    }
    None
}

/// Whether a key is missing only because its value was wrong, which has been reported already.
pub(super) fn lacks_by_pruning(tree: &Tree, map: NodeId, field: &str) -> bool {
    match tree.kind(map) {
        Kind::Map(entries) => entries
            .iter()
            .any(|(key, value)| tree.text(*key) == field && (tree.is_pruned(*key) || tree.is_pruned(*value))),
        Kind::Scalar { .. } | Kind::List(_) => false,
    }
}

/// A mistake, with the node that holds it as soon as that is known.
#[derive(Debug)]
pub(super) struct Error {
    node: Option<NodeId>,
    message: String,
    hint: Option<String>,
    missing: Option<&'static str>,
}

impl Error {
    fn new(message: String, hint: Option<String>) -> Self {
        Self {
            node: None,
            message,
            hint,
            missing: None,
        }
    }

    fn at(mut self, node: NodeId) -> Self {
        self.node.get_or_insert(node);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    /// The message may carry a hint behind a line break; that is how types of `file` give one.
    fn custom<T: fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        match text.split_once('\n') {
            Some((message, hint)) => Self::new(message.to_owned(), Some(hint.to_owned())),
            None => Self::new(text, None),
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            missing: Some(field),
            ..Self::new(format!("`{field}` is missing"), None)
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let hint = other_word(field, expected)
            .or_else(|| did_you_mean(field, expected.iter().copied()))
            .unwrap_or_else(|| format!("known here: {}", quote_all(expected.iter().copied())));
        Self::new(format!("unknown key {}", quote(field)), Some(hint))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let hint = did_you_mean(variant, expected.iter().copied())
            .unwrap_or_else(|| format!("one of {}", quote_all(expected.iter().copied())));
        Self::new(format!("{} is not a known word here", quote(variant)), Some(hint))
    }
}

/// Keys that people bring along from other tools.
fn other_word(field: &str, expected: &[&str]) -> Option<String> {
    const WORDS: &[(&[&str], &str)] = &[
        (&["ip", "hostname", "host", "ansible_host", "addr"], "address"),
        (&["username", "login", "remote_user", "ansible_user"], "user"),
        (
            &["jump_host", "jump_hosts", "proxyjump", "proxy_jump", "bastion"],
            "jump",
        ),
        (&["power", "power_feed", "power_feeds", "pdu"], "feeds"),
        (&["type"], "kind"),
        (&["vip", "service_ip", "floating_ip"], "service_address"),
        (&["primary", "master"], "preferred"),
        (&["secondary", "replica"], "standby"),
        (&["mountpoint"], "mount_point"),
        (&["master", "primary", "preferred_source"], "source"),
        (&["hosts", "nodes"], "members"),
        (&["hosts", "pair"], "servers"),
        (&["includes"], "include"),
        (&["name"], "fleet"),
    ];
    let lower = field.to_lowercase();
    WORDS
        .iter()
        .find(|(words, known)| words.contains(&lower.as_str()) && expected.contains(known))
        .map(|(_, known)| format!("did you mean {}?", quote(known)))
}

/// serde's view of one node.
#[derive(Clone, Copy)]
struct NodeDeserializer<'t> {
    tree: &'t Tree,
    node: NodeId,
}

impl<'t> NodeDeserializer<'t> {
    fn wrong(self, expected: &str) -> Error {
        let found = match self.tree.kind(self.node) {
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "keys and values".to_owned(),
            Kind::Scalar { .. } if self.tree.is_null(self.node) => "nothing".to_owned(),
            Kind::Scalar { text, .. } => quote(text),
        };
        Error::new(format!("{expected} belongs here, found {found}"), None).at(self.node)
    }

    fn text(self, expected: &str) -> Result<&'t str, Error> {
        match self.tree.kind(self.node) {
            Kind::Scalar { text, .. } if !self.tree.is_null(self.node) => Ok(text),
            _ => Err(self.wrong(expected)),
        }
    }

    /// A plain scalar that `parse` understands.
    fn plain<T>(self, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
        match self.tree.kind(self.node) {
            Kind::Scalar { text, plain } => match (parse(text), plain) {
                (Some(value), true) => Ok(value),
                (Some(_), false) => {
                    let mut error = self.wrong(expected);
                    error.message = format!("{expected} belongs here, found text in quotes");
                    error.hint = Some("leave the quotes out".to_owned());
                    Err(error)
                }
                (None, _) => Err(self.wrong(expected)),
            },
            Kind::List(_) | Kind::Map(_) => Err(self.wrong(expected)),
        }
    }

    fn integer<T: TryFrom<i128>>(self, expected: &str) -> Result<T, Error> {
        self.plain(expected, |text| integer(text).and_then(|value| T::try_from(value).ok()))
    }

    fn list(self) -> Result<ListAccess<'t>, Error> {
        match self.tree.kind(self.node) {
            Kind::List(items) => Ok(ListAccess { tree: self.tree, items }),
            _ => Err(self.wrong("a list")),
        }
    }

    fn map(self) -> Result<MapAccess<'t>, Error> {
        match self.tree.kind(self.node) {
            Kind::Map(entries) => Ok(MapAccess {
                tree: self.tree,
                entries,
                value: None,
            }),
            Kind::Scalar { .. } if self.tree.is_null(self.node) => Ok(MapAccess {
                tree: self.tree,
                entries: &[],
                value: None,
            }),
            _ => Err(self.wrong("a mapping (keys and values)")),
        }
    }
}

/// Integers of the YAML 1.2 core schema: decimal, `0o17`, `0x1f`.
fn integer(text: &str) -> Option<i128> {
    if text.len() > 40 {
        return None;
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(octal) = text.strip_prefix("0o") {
        return i128::from_str_radix(octal, 8).ok();
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return i128::from_str_radix(hex, 16).ok();
    }
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// Finite numbers of the YAML 1.2 core schema; limits are never infinite or not a number.
fn number(text: &str) -> Option<f64> {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    if let Some(value) = integer(text) {
        return Some(value as f64);
    }
    text.parse()
        .ok()
        .filter(|value: &f64| value.is_finite() && text.chars().all(plain))
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

macro_rules! integers {
    ($($method:ident, $type:ty, $visit:ident, $expected:literal;)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.integer::<$type>($expected)?).map_err(|error: Error| error.at(self.node))
        })+
    };
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.tree.kind(self.node) {
            Kind::Scalar { .. } => self.deserialize_str(visitor),
            Kind::List(_) => self.deserialize_seq(visitor),
            Kind::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = self.plain("`true` or `false`", boolean).map_err(|mut error| {
            if matches!(
                self.tree.text(self.node),
                "yes" | "no" | "on" | "off" | "Yes" | "No" | "On" | "Off"
            ) {
                error.hint = Some("in YAML 1.2 only `true` and `false` are booleans".to_owned());
            }
            error
        })?;
        visitor.visit_bool(value)
    }

    integers! {
        deserialize_i8, i8, visit_i8, "a whole number from -128 to 127";
        deserialize_i16, i16, visit_i16, "a whole number from -32768 to 32767";
        deserialize_i32, i32, visit_i32, "a whole number";
        deserialize_i64, i64, visit_i64, "a whole number";
        deserialize_u8, u8, visit_u8, "a whole number from 0 to 255";
        deserialize_u16, u16, visit_u16, "a whole number from 0 to 65535";
        deserialize_u32, u32, visit_u32, "a whole number, 0 or more";
        deserialize_u64, u64, visit_u64, "a whole number, 0 or more";
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(self.plain("a number", number)?)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    /// Text is taken as it is written: `no`, `1.10` and `022` stay what they look like.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor
            .visit_str(self.text("text")?)
            .map_err(|error: Error| error.at(self.node))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.tree.is_null(self.node) {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.tree.is_null(self.node) {
            visitor.visit_unit()
        } else {
            Err(self.wrong("nothing"))
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        match name {
            SPANNED => visitor.visit_seq(SpannedAccess { inner: self, step: 0 }),
            LAZY => visitor.visit_u32(self.node.0),
            // One item may stand without a list around it, and nothing is an empty list.
            LIST => match self.tree.kind(self.node) {
                Kind::List(_) => visitor.visit_seq(self.list()?),
                Kind::Scalar { .. } if self.tree.is_null(self.node) => visitor.visit_seq(ListAccess {
                    tree: self.tree,
                    items: &[],
                }),
                Kind::Scalar { .. } | Kind::Map(_) => visitor.visit_seq(ListAccess {
                    tree: self.tree,
                    items: std::slice::from_ref(&self.node),
                }),
            },
            TEXT_OR_MAP => match self.tree.kind(self.node) {
                Kind::Map(_) => visitor.visit_map(self.map()?),
                Kind::Scalar { .. } | Kind::List(_) => visitor.visit_str(self.text("a name, or a mapping")?),
            },
            _ => visitor.visit_newtype_struct(self),
        }
        .map_err(|error: Error| error.at(self.node))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor
            .visit_seq(self.list()?)
            .map_err(|error: Error| error.at(self.node))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor
            .visit_map(self.map()?)
            .map_err(|error: Error| error.at(self.node))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let text = self.text(&format!("one of {}", quote_all(variants.iter().copied())))?;
        let access: de::value::StrDeserializer<'_, Error> = text.into_deserializer();
        visitor.visit_enum(access).map_err(|error: Error| error.at(self.node))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

struct ListAccess<'t> {
    tree: &'t Tree,
    items: &'t [NodeId],
}

impl<'de> de::SeqAccess<'de> for ListAccess<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        while let Some((node, rest)) = self.items.split_first() {
            self.items = rest;
            if !self.tree.is_pruned(*node) {
                let inner = NodeDeserializer {
                    tree: self.tree,
                    node: *node,
                };
                return seed.deserialize(inner).map(Some).map_err(|error| error.at(*node));
            }
        }
        Ok(None)
    }
}

struct MapAccess<'t> {
    tree: &'t Tree,
    entries: &'t [(NodeId, NodeId)],
    value: Option<NodeId>,
}

impl<'de> de::MapAccess<'de> for MapAccess<'_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        while let Some(((key, value), rest)) = self.entries.split_first() {
            self.entries = rest;
            if !self.tree.is_pruned(*key) && !self.tree.is_pruned(*value) {
                self.value = Some(*value);
                let inner = NodeDeserializer {
                    tree: self.tree,
                    node: *key,
                };
                return seed.deserialize(inner).map(Some).map_err(|error| error.at(*key));
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let Some(node) = self.value.take() else {
            return Err(de::Error::custom("a value without a key"));
        };
        let inner = NodeDeserializer { tree: self.tree, node };
        seed.deserialize(inner).map_err(|error| error.at(node))
    }
}

/// Hands out the node's number, then its value.
struct SpannedAccess<'t> {
    inner: NodeDeserializer<'t>,
    step: u8,
}

impl<'de> de::SeqAccess<'de> for SpannedAccess<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.step += 1;
        match self.step {
            1 => seed.deserialize(self.inner.node.0.into_deserializer()).map(Some),
            2 => seed.deserialize(self.inner).map(Some),
            _ => Ok(None),
        }
    }
}

/// A value that knows where it stands.
#[derive(Debug, Clone)]
pub(super) struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its node in the tree.
    pub node: NodeId,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pair<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Pair<T> {
            type Value = Spanned<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a located value")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Spanned<T>, A::Error> {
                let lost = || de::Error::custom("a value without a place");
                let node = NodeId(items.next_element()?.ok_or_else(lost)?);
                let value = items.next_element()?.ok_or_else(lost)?;
                Ok(Spanned { value, node })
            }
        }
        from.deserialize_newtype_struct(SPANNED, Pair(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A list; a single item may stand without one.
#[derive(Debug, Clone)]
pub(super) struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(List(list))
            }
        }
        from.deserialize_newtype_struct(LIST, Items(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("List_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [{ "type": "array", "items": item }, item] })
    }
}

/// Named entries in their order, each decoded on its own by [`decode`].
#[derive(Debug, Clone)]
pub(super) struct Map<T> {
    /// Name, its node, and the node of the entry.
    pub entries: Vec<(Spanned<String>, NodeId)>,
    kind: PhantomData<T>,
}

impl<T> Default for Map<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            kind: PhantomData,
        }
    }
}

/// The node itself, to be decoded later.
struct Lazy(NodeId);

impl<'de> Deserialize<'de> for Lazy {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Lazy;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_u32<E: de::Error>(self, number: u32) -> Result<Lazy, E> {
                Ok(Lazy(NodeId(number)))
            }
        }
        from.deserialize_newtype_struct(LAZY, Number)
    }
}

impl<'de, T> Deserialize<'de> for Map<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T> Visitor<'de> for Entries<T> {
            type Value = Map<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names with their entries")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Map<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some((name, Lazy(node))) = map.next_entry()? {
                    entries.push((name, node));
                }
                Ok(Map {
                    entries,
                    kind: PhantomData,
                })
            }
        }
        from.deserialize_map(Entries(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Map<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Map_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let entry = generator.subschema_for::<T>();
        // An entry may be left empty when it has nothing to say.
        json_schema!({ "type": ["object", "null"], "additionalProperties": { "anyOf": [entry, { "type": "null" }] } })
    }
}
