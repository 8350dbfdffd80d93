//! The page itself.

use std::fmt::Write;

use serde_json::Map;
use serde_json::Value;

use super::words::escaped;
use super::words::inline;
use super::words::prose;
use super::words::shape;

/// Writes the page of a document.
pub(super) fn write(document: &Value, style: &str) -> String {
    let title = text(&document["info"]["title"]);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>{style}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#content\">Skip to the content</a>\n"
    );
    write_contents(&mut html, document);
    let _ = write!(html, "<main id=\"content\">\n<h1>{title}</h1>\n");
    write_introduction(&mut html, document);
    for tag in tags(document) {
        let _ = write!(
            html,
            "<section>\n<h2 id=\"tag-{0}\">{1}</h2>\n",
            anchor(tag),
            titled(tag)
        );
        for (path, method, operation) in operations_of(document, tag) {
            write_operation(&mut html, path, method, operation);
        }
        html.push_str("</section>\n");
    }
    write_schemas(&mut html, document);
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

fn text(value: &Value) -> std::borrow::Cow<'_, str> {
    escaped(value.as_str().unwrap_or_default())
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn tags(document: &Value) -> impl Iterator<Item = &str> {
    items(&document["tags"]).filter_map(|tag| tag["name"].as_str())
}

/// `signing key` as a title.
fn titled(tag: &str) -> String {
    let mut letters = tag.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    escaped(&format!(
        "{}{}",
        first.unwrap_or_default(),
        letters.as_str()
    ))
    .into_owned()
}

fn anchor(tag: &str) -> String {
    tag.replace(' ', "-")
}

fn operations_of<'a>(
    document: &'a Value,
    tag: &'a str,
) -> impl Iterator<Item = (&'a String, &'a String, &'a Value)> {
    let all = members(&document["paths"]).flat_map(|(path, methods)| {
        members(methods).map(move |(method, operation)| (path, method, operation))
    });
    all.filter(move |(_, _, operation)| operation["tags"][0] == tag)
}

fn write_contents(html: &mut String, document: &Value) {
    html.push_str("<nav aria-label=\"Contents\">\n");
    for tag in tags(document) {
        let _ = write!(
            html,
            "<p><a href=\"#tag-{}\">{}</a></p>\n<ul>\n",
            anchor(tag),
            titled(tag)
        );
        for (_, _, operation) in operations_of(document, tag) {
            let (id, summary) = (text(&operation["operationId"]), &operation["summary"]);
            let summary = summary.as_str().unwrap_or_default();
            let _ = writeln!(html, "<li><a href=\"#{id}\">{}</a></li>", inline(summary));
        }
        html.push_str("</ul>\n");
    }
    html.push_str("<p><a href=\"#schemas\">What answers hold</a></p>\n</nav>\n");
}

fn write_introduction(html: &mut String, document: &Value) {
    html.push_str(&prose(
        document["info"]["description"].as_str().unwrap_or_default(),
    ));
    let scheme = members(&document["components"]["securitySchemes"]).next();
    let flow = scheme.map(|(_, scheme)| &scheme["flows"]["clientCredentials"]);
    let url = flow.map(|flow| text(&flow["tokenUrl"])).unwrap_or_default();
    let _ = write!(
        html,
        "<p>Server: <code>{}</code>. Tokens: <code>{url}</code>. For programs: \
         <a href=\"openapi.json\">openapi.json</a>.</p>\n\
         <details><summary>Scopes</summary>\n<dl>\n",
        text(&document["servers"][0]["url"]),
    );
    for (scope, opens) in flow.into_iter().flat_map(|flow| members(&flow["scopes"])) {
        let _ = writeln!(
            html,
            "<dt><code>{}</code></dt><dd>{}</dd>",
            escaped(scope),
            text(opens)
        );
    }
    html.push_str("</dl>\n</details>\n");
}

fn write_operation(html: &mut String, path: &str, method: &str, operation: &Value) {
    let id = text(&operation["operationId"]);
    let summary = inline(operation["summary"].as_str().unwrap_or_default());
    let scope = members(&operation["security"][0]).next();
    let takes = match scope {
        Some((_, scopes)) => format!("takes <code>{}</code>", text(&scopes[0])),
        None => "open to everybody".to_owned(),
    };
    let _ = write!(
        html,
        "<article id=\"{id}\">\n<h3>{summary}</h3>\n\
         <p class=\"route\"><b class=\"{0}\">{1}</b> <code>{2}</code></p>\n\
         <p class=\"takes\">{takes}; in the audit trail <code>{id}</code></p>\n",
        escaped(method),
        method.to_ascii_uppercase(),
        escaped(path),
    );
    if let Some(description) = operation["description"].as_str() {
        html.push_str(&prose(description));
    }
    write_parameters(html, &operation["parameters"]);
    let body = members(&operation["requestBody"]["content"]).next();
    if let Some((_, media)) = body {
        html.push_str("<h4>Body</h4>\n");
        write_members(html, &media["schema"]);
    }
    write_responses(html, &operation["responses"]);
    html.push_str("</article>\n");
}

fn write_parameters(html: &mut String, parameters: &Value) {
    if items(parameters).next().is_none() {
        return;
    }
    html.push_str("<h4>Parameters</h4>\n<dl>\n");
    for parameter in items(parameters) {
        let _ = writeln!(
            html,
            "<dt><code>{}</code> <small>{}</small></dt><dd>{} <small>{}</small></dd>",
            text(&parameter["name"]),
            text(&parameter["in"]),
            inline(parameter["description"].as_str().unwrap_or_default()),
            shape(&parameter["schema"]),
        );
    }
    html.push_str("</dl>\n");
}

/// The members of an object, and of the objects in it.
fn write_members(html: &mut String, schema: &Value) {
    html.push_str("<dl>\n");
    for (name, member) in members(&schema["properties"]) {
        let required = items(&schema["required"]).any(|required| required == name);
        let required = if required {
            " <small>required</small>"
        } else {
            ""
        };
        let _ = write!(
            html,
            "<dt><code>{}</code>{required}</dt><dd><small>{}</small> {}",
            escaped(name),
            shape(member),
            inline(member["description"].as_str().unwrap_or_default()),
        );
        for inner in [member, &member["items"]] {
            if inner["properties"].is_object() {
                write_members(html, inner);
            }
        }
        html.push_str("</dd>\n");
    }
    html.push_str("</dl>\n");
}

/// What it answers when all is well, or things stand against it; and how it can refuse, in one line.
fn write_responses(html: &mut String, responses: &Value) {
    html.push_str("<h4>Answers</h4>\n<dl class=\"answers\">\n");
    let mut refusals = Vec::new();
    for (status, response) in members(responses) {
        if let Some(reference) = response["$ref"].as_str() {
            let name = escaped(reference.rsplit('/').next().unwrap_or_default());
            refusals.push(format!(
                "<a href=\"#answer-{name}\" title=\"{name}\">{status}</a>"
            ));
            continue;
        }
        let media = members(&response["content"]).next();
        let holds = media.map(|(_, media)| shape(&media["schema"]));
        let said = inline(response["description"].as_str().unwrap_or_default());
        let holds = holds.unwrap_or_default();
        let _ = writeln!(html, "<dt>{status}</dt><dd>{said} {holds}</dd>");
    }
    let refusals = refusals.join(", ");
    let _ = write!(html, "<dt>Refused</dt><dd>{refusals}</dd>\n</dl>\n");
}

fn write_schemas(html: &mut String, document: &Value) {
    html.push_str("<section>\n<h2 id=\"schemas\">What answers hold</h2>\n");
    for (name, schema) in members(&document["components"]["schemas"]) {
        let _ = write!(
            html,
            "<article id=\"schema-{0}\">\n<h3>{0}</h3>\n{1}",
            escaped(name),
            prose(schema["description"].as_str().unwrap_or_default()),
        );
        if schema["items"].is_object() {
            let _ = writeln!(html, "<p><small>{}</small></p>", shape(schema));
        }
        for inner in [schema, &schema["items"]] {
            if inner["properties"].is_object() {
                write_members(html, inner);
            }
        }
        html.push_str("</article>\n");
    }
    html.push_str("</section>\n<section>\n<h2>What every route can answer</h2>\n<dl>\n");
    for (name, response) in members(&document["components"]["responses"]) {
        let said = inline(response["description"].as_str().unwrap_or_default());
        let name = escaped(name);
        let _ = writeln!(html, "<dt id=\"answer-{name}\">{name}</dt><dd>{said}</dd>");
    }
    html.push_str("</dl>\n</section>\n");
}
