// The API's own description as a page, drawn from openapi.json: no script or font from elsewhere.

import { h } from "./dom.js";

const api = await (await fetch("/api/openapi.json")).json();

const resolve = (schema) => (schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema);

function typeOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  if (schema.type === "array") return `list of ${typeOf(schema.items)}`;
  return schema.type || "anything";
}

function fields(title, rows) {
  if (!rows.length) return null;
  return [h("h3", {}, title), h("dl", {}, rows.map(([name, about]) => [h("dt", {}, name), h("dd", {}, about)]))];
}

function properties(schema) {
  const { properties: all = {}, required = [] } = resolve(schema) || {};
  return Object.entries(all).map(([name, value]) =>
    [name, [typeOf(value), required.includes(name) ? "required" : "", value.description || ""].filter(Boolean).join(", ")]);
}

function operation(path, method, { summary, parameters = [], requestBody, responses }) {
  const body = requestBody?.content["application/json"]?.schema;
  const result = responses[200]?.content?.["application/json"]?.schema;
  return h("section", {},
    h("h2", {}, h("span", {}, method.toUpperCase()), " ", path),
    h("p", {}, summary || ""),
    fields("Query", parameters.map(({ name, schema, required }) => [name, `${typeOf(schema)}${required ? ", required" : ""}`])),
    fields("Body (JSON)", properties(body)),
    fields("Result (JSON)", properties(result)));
}

document.getElementById("about").textContent = api.info.description;
document.getElementById("operations").append(
  ...Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => operation(path, method, one))));
