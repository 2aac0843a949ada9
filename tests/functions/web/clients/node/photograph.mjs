// Sends a photograph in every way that JavaScript's clients know; prints the best label of each answer.
import { readFileSync, createReadStream } from "node:fs";
import axios from "axios";
import FormDataOfOld from "form-data";

const { TALLY, TALLY_KEY, IMAGE } = process.env;
const url = `${TALLY}/api/score/image?top_k=1`;
const headers = { "x-functions-key": TALLY_KEY };
const photo = readFileSync(IMAGE);
const json = { image: photo.toString("base64") };

function form(...named) {
  const made = new FormData();
  made.append("image", new Blob([photo]), ...named);
  return made;
}

function formOfOld(value, options) {
  const made = new FormDataOfOld();
  made.append("image", value, options);
  return made;
}

async function fetched(body, type) {
  const answer = await fetch(url, { method: "POST", body, headers: type ? { ...headers, "content-type": type } : headers });
  return await answer.json();
}

async function posted(body, more = {}) {
  return (await axios.post(url, body, { headers: { ...headers, ...more } })).data;
}

const answers = {
  "fetch, body": await fetched(photo, "image/jpeg"),
  "fetch, form": await fetched(form("photo.jpg")),
  "fetch, form without a name": await fetched(form()),
  "fetch, JSON": await fetched(JSON.stringify(json), "application/json"),
  "axios, body": await posted(photo, { "content-type": "image/jpeg" }),
  "axios, form": await posted(form("photo.jpg")),
  "axios, JSON": await posted(json),
  "axios with form-data, a file": await posted(formOfOld(createReadStream(IMAGE)), {}),
  "axios with form-data, bytes without a name": await posted(formOfOld(photo), {}),
};
console.log(JSON.stringify(Object.fromEntries(Object.entries(answers).map(([way, one]) => [way, one.labels?.[0].label]))));
