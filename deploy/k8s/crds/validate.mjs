// node validate.mjs < MANIFESTS.yaml: checks every custom resource; ends with 1 if one is wrong.
import { readFileSync } from "node:fs";
import * as monitoring from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import { parseAllDocuments } from "yaml";

const MODELS = { "monitoring.coreos.com/v1": monitoring };

function complaint(object) {
  const models = MODELS[object.apiVersion];
  if (models === undefined) return null; // Kubernetes' own kinds have another check
  const Model = models[object.kind];
  if (Model === undefined) return `${object.apiVersion} has no kind ${object.kind}`;
  try {
    new Model(object).validate();
  } catch (error) {
    return error.message;
  }
  return null;
}

for (const document of parseAllDocuments(readFileSync(0, "utf-8"))) {
  const object = document.toJS();
  const wrong = complaint(object);
  if (wrong === null) continue;
  console.error(`${object.kind} ${object.metadata?.name}: ${wrong}`);
  process.exitCode = 1;
}
