// Calls every operation of the API with a client whose types openapi-typescript made; prints the status of each.
import { readFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

const api = createClient<paths>({
  baseUrl: process.env.TALLY!,
  headers: { "x-functions-key": process.env.TALLY_KEY! },
});
const picture = readFileSync(process.env.IMAGE!);
const form = new FormData();
form.append("image", new Blob([picture]), "a.png");
const tensor: components["schemas"]["RequestInput"] = {
  name: "question",
  datatype: "BYTES",
  shape: [1],
  data: ["What does it cost?"],
};
const faq = { path: { model: "faq" } };
const version = (await api.GET("/v2/models/{model}", { params: faq })).data!.versions[0]!;
const faqVersion = { path: { model: "faq", version } };
const entry = { path: { id: "typescript" } };
const run = await api.POST("/api/runs", { body: { workload: "style", video: "clip.mp4", crf: 30 } });
const id = { path: { id: run.data!.id } };
const changes: components["schemas"]["StateChange"][] = run.data!.history;
const put = await api.PUT("/api/faq/{id}", {
  params: { ...entry, header: { "If-None-Match": "*" } },
  body: { question: "What is TypeScript?", answer: "A language." },
});
const shown = await api.GET("/api/faq/{id}", { params: entry });

const answers = {
  start_run: run,
  put_faq_entry: put,
  show_faq_entry: shown,
  remove_faq_entry: await api.DELETE("/api/faq/{id}", {
    params: { ...entry, header: { "If-Match": shown.response.headers.get("etag")! } },
  }),
  list_runs: await api.GET("/api/runs", { params: { query: { limit: 5 } } }),
  show_run: await api.GET("/api/runs/{id}", { params: id }),
  cancel_run: await api.POST("/api/runs/{id}/cancel", { params: id }),
  retry_run: await api.POST("/api/runs/{id}/retry", { params: id }),
  score_faq: await api.POST("/api/score/faq", { body: { question: "What does it cost?" } }),
  score_image: await api.POST("/api/score/image", {
    body: { image: "" },
    bodySerializer: () => form,
    params: { query: { top_k: 1 } },
  }),
  score: await api.POST("/score", { body: { input: "What does it cost?" } }),
  show_server: await api.GET("/v2"),
  server_live: await api.GET("/v2/health/live"),
  server_ready: await api.GET("/v2/health/ready"),
  show_model: await api.GET("/v2/models/{model}", { params: faq }),
  show_model_version: await api.GET("/v2/models/{model}/versions/{version}", { params: faqVersion }),
  model_ready: await api.GET("/v2/models/{model}/ready", { params: faq }),
  model_version_ready: await api.GET("/v2/models/{model}/versions/{version}/ready", { params: faqVersion }),
  infer_model: await api.POST("/v2/models/{model}/infer", { params: faq, body: { inputs: [tensor] } }),
  infer_model_version: await api.POST("/v2/models/{model}/versions/{version}/infer", {
    params: faqVersion,
    body: { inputs: [tensor] },
  }),
  live: await api.GET("/api/health/live"),
  ready: await api.GET("/api/health/ready"),
  show_metrics: await api.GET("/api/metrics", { parseAs: "text" }),
  show_openapi: await api.GET("/api/openapi.json"),
  show_docs: await api.GET("/api/docs", { parseAs: "text" }),
};
const statuses = Object.entries(answers).map(([name, answer]) => [name, answer.response.status]);
console.log(JSON.stringify({ statuses: Object.fromEntries(statuses), changes: changes.length }));
