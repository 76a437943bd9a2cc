//! The methods of Drive's `files`, but for the search.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    Asking,
    account::Grant,
    fields, multipart,
    refusal::Refusal,
    search,
    world::{DOCUMENT, FOLDER, File, ROOT, World},
};

/// What Drive turns into documents.
const IMPORTABLE: &[&str] = &["text/html", "text/plain", "text/markdown"];
/// Of one request, in bytes.
const LARGEST_UPLOAD: usize = 5 << 20;
/// Of a property's name and value together, in bytes.
const LARGEST_PROPERTY: usize = 124;

const LIST: &[&str] =
    &["q", "pageSize", "pageToken", "corpora", "driveId", "includeItemsFromAllDrives", "orderBy", "spaces"];

/// The query of a request. Strict: a name that the method does not know is a mistake of the client.
pub(super) struct Params(BTreeMap<String, String>);

impl Params {
    fn read(asking: &Asking<'_>, allowed: &[&str]) -> Result<Self, Refusal> {
        let params: BTreeMap<String, String> = form_urlencoded::parse(asking.query.as_bytes()).into_owned().collect();
        if let Some(unknown) = params.keys().find(|name| *name != "fields" && !allowed.contains(&name.as_str())) {
            return Err(Refusal::bad_request(&format!("Unknown name \"{unknown}\": Cannot bind query parameter.")));
        }
        // Drive would answer its default fields; ours are always asked for.
        if params.get("fields").is_none_or(String::is_empty) {
            return Err(Refusal::bad_request("The 'fields' parameter is required."));
        }
        Ok(Self(params))
    }

    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    pub(super) fn all_drives(&self) -> bool {
        self.get("supportsAllDrives") == "true"
    }
}

pub(super) fn answer(world: &mut World, asking: &Asking<'_>) -> Result<Value, Refusal> {
    let grant = world.account.grant(asking)?;
    let read = |allowed: &[&str]| Params::read(asking, &[allowed, &["supportsAllDrives"]].concat());
    match (asking.method, &asking.path[..]) {
        ("GET", ["drive", "v3", "files"]) => search::list(world, &grant, &read(LIST)?),
        ("GET", ["drive", "v3", "files", "generateIds"]) => {
            generate_ids(world, &Params::read(asking, &["count", "space", "type"])?)
        }
        ("GET", ["drive", "v3", "files", id]) => describe(world, &grant, &read(&[])?, id),
        ("POST", ["drive", "v3", "files"]) => {
            let params = read(&[])?;
            let file = new_file(world, &grant, &params, &json_body(asking)?, None)?;
            keep(world, &params, file)
        }
        ("PATCH", ["drive", "v3", "files", id]) => change(world, &grant, &read(&[])?, id, &json_body(asking)?),
        ("POST", ["upload", "drive", "v3", "files"]) => {
            let params = read(&["uploadType"])?;
            upload_type(&params, "multipart", asking)?;
            let parts = multipart::read(asking)?;
            let content = Some((parts.media_type.as_str(), parts.media));
            let file = new_file(world, &grant, &params, &parts.metadata, content)?;
            keep(world, &params, file)
        }
        ("PATCH", ["upload", "drive", "v3", "files", id]) => {
            let params = read(&["uploadType"])?;
            upload_type(&params, "media", asking)?;
            replace(world, &grant, &params, id, asking)
        }
        _ => Err(Refusal::not_found("")),
    }
}

fn json_body(asking: &Asking<'_>) -> Result<Value, Refusal> {
    let parsed = serde_json::from_slice(asking.body).ok().filter(Value::is_object);
    parsed.filter(|_| asking.media_type() == "application/json").ok_or_else(|| Refusal::bad_request("Parse Error"))
}

fn upload_type(params: &Params, wanted: &str, asking: &Asking<'_>) -> Result<(), Refusal> {
    if params.get("uploadType") != wanted {
        return Err(Refusal::bad_request("Bad Request: uploadType"));
    }
    if asking.body.len() > LARGEST_UPLOAD { Err(Refusal::too_large()) } else { Ok(()) }
}

fn generate_ids(world: &mut World, params: &Params) -> Result<Value, Refusal> {
    let count = if params.get("count").is_empty() { Ok(10) } else { params.get("count").parse::<usize>() };
    let count = count.ok().filter(|count| (1..=1000).contains(count)).ok_or_else(|| Refusal::invalid("count"))?;
    let ids: Vec<String> = (0..count).map(|_| world.new_id()).collect();
    world.free_ids.extend(ids.iter().cloned());
    fields::select(params.get("fields"), &json!({"kind": "drive#generatedIds", "space": "drive", "ids": ids}))
}

fn describe(world: &World, grant: &Grant, params: &Params, id: &str) -> Result<Value, Refusal> {
    let file = world.visible(id, grant, params.all_drives()).ok_or_else(|| Refusal::not_found(id))?;
    fields::select(params.get("fields"), &world.whole(file))
}

/// Checks what is to be made, and makes it up to the point of keeping it.
fn new_file(
    world: &mut World,
    grant: &Grant,
    params: &Params,
    metadata: &Value,
    content: Option<(&str, String)>,
) -> Result<File, Refusal> {
    let mime_type = metadata["mimeType"].as_str().unwrap_or("application/octet-stream");
    let id = match metadata["id"].as_str() {
        Some(_) if mime_type != FOLDER => return Err(Refusal::id_for_document()),
        Some(id) if world.used_ids.contains(id) => return Err(Refusal::id_in_use()),
        Some(id) if !world.free_ids.contains(id) => {
            return Err(Refusal::invalid("The provided file ID is not usable."));
        }
        Some(id) => id.to_owned(),
        None => world.new_id(),
    };
    let [parent] = metadata["parents"].as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err(Refusal::invalid("A file must have exactly one parent."));
    };
    let parent = parent.as_str().unwrap_or_default();
    let folder = world.visible(parent, grant, params.all_drives()).ok_or_else(|| Refusal::not_found(parent))?;
    if folder.mime_type != FOLDER {
        return Err(Refusal::forbidden("parentNotAFolder", "The specified parent is not a folder."));
    }
    let drive_id = folder.drive_id.clone();
    if world.read_only {
        return Err(Refusal::read_only());
    }
    if drive_id.is_none() && grant.user.is_none() {
        return Err(Refusal::no_storage());
    }
    let content = match (mime_type, content) {
        (DOCUMENT, Some((media_type, content))) => Some(imported(media_type, content)?),
        (DOCUMENT, None) => Some(String::new()),
        (_, None) => None,
        (_, Some(_)) => return Err(Refusal::bad_request("Only documents have content here.")),
    };
    Ok(File {
        id,
        name: metadata["name"].as_str().unwrap_or("Untitled").to_owned(),
        mime_type: mime_type.to_owned(),
        parent: Some(parent.to_owned()),
        properties: properties(&metadata["appProperties"])?,
        trashed: false,
        drive_id,
        content,
        made: world.next(),
        unseen_by: world.lag,
    })
}

fn keep(world: &mut World, params: &Params, file: File) -> Result<Value, Refusal> {
    let answer = fields::select(params.get("fields"), &world.whole(&file))?;
    world.free_ids.remove(&file.id);
    world.used_ids.insert(file.id.clone());
    world.files.insert(file.id.clone(), file);
    Ok(answer)
}

fn imported(media_type: &str, content: String) -> Result<String, Refusal> {
    let bare = media_type.split(';').next().unwrap_or_default().trim();
    if IMPORTABLE.contains(&bare) { Ok(content) } else { Err(Refusal::bad_request("Bad Request: not importable")) }
}

fn properties(value: &Value) -> Result<BTreeMap<String, String>, Refusal> {
    let mut properties = BTreeMap::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        let value = value.as_str().ok_or_else(|| Refusal::invalid("appProperties"))?;
        if name.len() + value.len() > LARGEST_PROPERTY {
            return Err(Refusal::bad_request("The custom property exceeds the maximum size of 124 bytes."));
        }
        properties.insert(name.clone(), value.to_owned());
    }
    if properties.len() > 30 { Err(Refusal::bad_request("Too many private properties.")) } else { Ok(properties) }
}

/// `files.update` of metadata: only the trash is played.
fn change(world: &mut World, grant: &Grant, params: &Params, id: &str, body: &Value) -> Result<Value, Refusal> {
    world.visible(id, grant, params.all_drives()).ok_or_else(|| Refusal::not_found(id))?;
    if world.read_only || id == ROOT {
        return Err(Refusal::read_only());
    }
    for (name, value) in body.as_object().into_iter().flatten() {
        let ("trashed", Some(trashed)) = (name.as_str(), value.as_bool()) else {
            let message = format!("The {name} field is not directly writable in update requests.");
            return Err(Refusal::forbidden("fieldNotWritable", &message));
        };
        world.file(id).trashed = trashed;
    }
    describe(world, grant, params, id)
}

/// `files.update` of content. What is in the trash takes it like anything else.
fn replace(world: &mut World, grant: &Grant, params: &Params, id: &str, asking: &Asking<'_>) -> Result<Value, Refusal> {
    let file = world.visible(id, grant, params.all_drives()).ok_or_else(|| Refusal::not_found(id))?;
    if file.mime_type != DOCUMENT {
        return Err(Refusal::bad_request("Only documents have content here."));
    }
    if world.read_only {
        return Err(Refusal::read_only());
    }
    let content = imported(asking.media_type(), String::from_utf8_lossy(asking.body).into_owned())?;
    world.file(id).content = Some(content);
    describe(world, grant, params, id)
}
