"""Writes docs/api.md from docs/openapi.json, the one source of what the HTTP API is.

Usage: make_api_docs.py [--check]   --check: only say whether docs/api.md is current (exit status 1: not).
"""

import json
import pathlib
import sys

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"

HEAD = """<!-- Made by scripts/make_api_docs.py from openapi.json; change that file and run the script. -->
# The HTTP API

{summary}

[openapi.json](openapi.json) is the same for programs (OpenAPI {openapi}); the service gives it away at `GET /openapi.json`. Any other
path is 404, any other method 405 with `Allow`, both with a [Failure](#failure). HEAD is answered wherever GET is.

Where the service has a file of API keys (`ctclip serve --api-keys`), a request carries one as `Authorization: Bearer KEY` or
`X-API-Key: KEY`. How to use it: [English](en/user-guide.md), [по-русски](ru/user-guide.md).

> **Warning.** {description}

"""


def resolve(document, node):
    """A node of the document, or what its $ref points at."""
    if "$ref" not in node:
        return node
    for key in node["$ref"].removeprefix("#/").split("/"):
        document = document[key]
    return document


def link(reference):
    name = reference.rsplit("/", 1)[1]
    return f"[{name}](#{name.lower()})"


def range_of(schema):
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f", {low} to {high}"
    if low is not None:
        return f", {low} or more"
    return ", over 0" if "exclusiveMinimum" in schema else ""


def kind(schema):
    """A schema in a few words."""
    if "$ref" in schema:
        return link(schema["$ref"])
    if "oneOf" in schema:
        return " or ".join(kind(one) for one in schema["oneOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "array":
        count = f"{schema['minItems']} of " if "minItems" in schema else ""
        return f"array: {count}{kind(schema['items'])}"
    if schema["type"] == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object: {kind(schema['additionalProperties'])} by name"
    if schema["type"] == "object" and "properties" in schema:
        return "object: " + ", ".join(f"`{name}` ({kind(one)})" for name, one in schema["properties"].items())
    if isinstance(schema["type"], list):
        return " or ".join(kind(schema | {"type": one}) for one in schema["type"])
    return schema["type"] + (range_of(schema) if schema["type"] != "null" else "")


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n"


def parameters(document, operation):
    rows = []
    for one in operation.get("parameters", []):
        one = resolve(document, one)
        default = one["schema"].get("default")
        absent = "" if default is None else f"`{json.dumps(default)}`"
        rows.append([f"`{one['name']}`", kind(one["schema"]), absent, one["description"]])
    return table(["parameter", "type", "default", "meaning"], rows) if rows else ""


def body(operation):
    if "requestBody" not in operation:
        return ""
    (media, content), = operation["requestBody"]["content"].items()
    field = content["schema"]["properties"]["file"]
    return f"Body: `{media}` with the field `file`: {field['description']}.\n\n"


def responses(document, operation):
    rows = []
    for status, response in operation["responses"].items():
        response = resolve(document, response)
        content = [link(one["schema"]["$ref"]) if "$ref" in one["schema"] else f"`{media}`"
                   for media, one in response["content"].items()]
        headers = ", ".join(f"`{name}`" for name in response.get("headers", {}))
        rows.append([status, response["description"], " or ".join(content), headers])
    return table(["status", "when", "body", "headers"], rows)


def scope(operation):
    """What an operation asks of a key."""
    asked = [roles for one in operation.get("security", []) for roles in one.values()]
    if not asked:
        return ""
    return f"Where API keys are in force: a key with the scope `{asked[0][0]}` or `admin`.\n\n"


def routes(document):
    text = ""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            paragraphs = [operation["summary"], operation.get("description")]
            text += f"## {method.upper()} {path}\n\n" + "".join(f"{one}\n\n" for one in paragraphs if one)
            text += scope(operation) + body(operation) + parameters(document, operation)
            text += responses(document, operation)
    return text


def schemas(document):
    text = "## Bodies\n\n"
    for name, schema in document["components"]["schemas"].items():
        text += f"### {name}\n\n{schema['description']}\n\n"
        if "properties" in schema:
            required = schema.get("required", [])
            rows = [[f"`{field}`" + ("" if field in required else ", optional"), kind(one),
                     resolve(document, one)["description"].rstrip(".") if "$ref" in one else one["description"]]
                    for field, one in schema["properties"].items()]
            text += table(["field", "type", "meaning"], rows)
        else:
            words = kind(schema)
            text += f"{words[0].upper()}{words[1:]}\n\n"
    return text


def headers(document):
    names = {}
    for methods in document["paths"].values():
        for operation in methods.values():
            for response in operation["responses"].values():
                names |= resolve(document, response).get("headers", {})
    rows = [[f"`{name}`", resolve(document, one)["description"]] for name, one in names.items()]
    return "## Headers\n\n" + table(["header", "meaning"], rows)


def page(document):
    info = document["info"]
    head = HEAD.format(openapi=document["openapi"], **info)
    return (head + routes(document) + headers(document) + schemas(document)).rstrip("\n") + "\n"


def main():
    wanted = page(json.loads((DOCS / "openapi.json").read_text(encoding="utf-8")))
    target = DOCS / "api.md"
    if "--check" not in sys.argv[1:]:
        target.write_text(wanted, encoding="utf-8")
        return 0
    if target.exists() and target.read_text(encoding="utf-8") == wanted:
        return 0
    print("docs/api.md is not what docs/openapi.json says: run scripts/make_api_docs.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
