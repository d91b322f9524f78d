#include "server/page.h"

#include <openssl/evp.h>

#include <array>
#include <string_view>

#include "base/sha256.h"

namespace ctclip {
namespace {

constexpr std::string_view kTop = R"html(<!DOCTYPE html>
<html lang="ru">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>CT-CLIP Inference API</title>
<style>
body { font: 16px/1.5 sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
.warning { border: 2px solid #b35900; background: #fff4e5; padding: .5rem 1rem; }
pre { background: #f3f3f3; padding: .5rem 1rem; overflow-x: auto; }
iframe { width: 100%; height: 20rem; border: 1px solid #999; }
#notices li { background: #fff4e5; border-left: 4px solid #b35900; padding: .25rem .75rem; margin: .5rem 0; list-style: none; }
#notices { padding: 0; }
</style>
</head>
<body>
<h1>CT-CLIP Inference API</h1>
<p>Анализ КТ-исследований грудной клетки: архив ZIP с файлами DICOM (не менее 20 срезов) или NIfTI
(.nii, .nii.gz) на входе, вероятность патологии на выходе.</p>
<p lang="en">Analysis of chest CT studies: a ZIP archive of DICOM files (20 slices or more) or NIfTI
(.nii, .nii.gz) in, the probability of a pathology out.</p>

<form action="/predict?details=true" method="post" enctype="multipart/form-data" target="answer">
<p><label>Исследование / <span lang="en">Study</span>:
<input type="file" name="file" accept=".zip,.nii,.gz" required></label>
)html";

// Without a name, so that it is no part of the form.
constexpr std::string_view kKeyField = R"html(<label>Ключ API / <span lang="en">API key</span>:
<input type="password" id="key" autocomplete="off" required></label>
)html";

// The answer opens below the warning, so that no probability is seen without it.
constexpr std::string_view kMiddle =
    R"html(<button type="submit">Анализировать / <span lang="en">Analyse</span></button></p>
</form>

<div class="warning">
<p><strong>Внимание:</strong> система предназначена только для диагностической поддержки. Все
результаты должны быть проверены квалифицированным врачом-рентгенологом. Система не предназначена для
самостоятельной постановки диагноза.</p>
<p lang="en"><strong>Warning:</strong> for diagnostic support only. Every result must be checked by a
qualified radiologist. The system is not for making a diagnosis on its own.</p>
</div>
<p>Ответ / <span lang="en">Answer</span> (JSON):</p>
)html";

// Where no script runs the answer opens here, its warnings in its details.
constexpr std::string_view kFrame = R"html(<iframe name="answer" title="Ответ / Answer"></iframe>
)html";

constexpr std::string_view kAnswer = R"html(<ul id="notices" role="alert"></ul>
<pre id="answer" aria-live="polite" hidden></pre>
)html";

constexpr std::string_view kCommand = R"html(
<h2>curl</h2>
<pre>curl -X POST http://localhost:8000/predict -F "file=@study.zip" -o result.json</pre>
)html";

constexpr std::string_view kCommandWithKey = R"html(
<h2>curl</h2>
<pre>curl -X POST http://localhost:8000/predict -H "Authorization: Bearer $CTCLIP_API_KEY" -F "file=@study.zip" -o result.json</pre>
)html";

constexpr std::string_view kBottom = R"html(<ul>
<li><code>?details=true</code>: все вероятности, признаки, предупреждения / <span lang="en">every
probability, feature and warning</span></li>
<li><code>?series_uid=1.2.3</code>: эта серия / <span lang="en">this series</span></li>
<li><code>?study_uid=1.2.3</code>: это исследование, если в архиве их несколько / <span lang="en">this
study if the archive holds several</span></li>
<li><code>?threshold=0.4</code>: порог решения / <span lang="en">decision threshold</span></li>
<li><code>?any_anatomy=true</code>: без проверки, есть ли лёгкие / <span lang="en">without the check
for lungs</span></li>
</ul>
<p><code>GET /health</code>, <code>GET /ready</code>,
<a href="/openapi.json">OpenAPI</a></p>
)html";

constexpr std::string_view kEnd = "</body>\n</html>\n";

constexpr std::string_view kScript = R"js(
"use strict";
const form = document.forms[0], key = document.getElementById("key");
const answer = document.getElementById("answer"), notices = document.getElementById("notices");
const frame = document.querySelector("iframe");
if (frame) frame.remove();
answer.hidden = false;
if (key) key.value = sessionStorage.getItem("ctclip-key") || "";
function show(notice) {
  const strings = (notice || "").match(/"(?:[^"\\]|\\.)*"/g) || [];
  notices.replaceChildren(...strings.map(string => {
    const line = document.createElement("li");
    line.textContent = string.slice(1, -1).replace(/\\(.)/g, "$1");
    return line;
  }));
}
form.addEventListener("submit", async event => {
  event.preventDefault();
  const headers = {};
  if (key) {
    sessionStorage.setItem("ctclip-key", key.value);
    headers.Authorization = "Bearer " + key.value;
  }
  show("");
  answer.textContent = "\u2026";
  try {
    const reply = await fetch(form.action, {method: "POST", headers, body: new FormData(form)});
    show(reply.headers.get("X-CTCLIP-Notice"));
    answer.textContent = await reply.text();
  } catch (error) {
    answer.textContent = String(error);
  }
});
)js";

std::string base64_of_sha256(std::string_view text) {
  Sha256 hash;
  hash.add(text);
  const Sha256::Digest digest = hash.digest();
  std::array<unsigned char, 4 * (digest.size() / 3 + 1) + 1> encoded{};
  const int size = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest.size()));
  return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(size)};
}

}  // namespace

std::string page_html(bool with_key) {
  std::string page(kTop);
  if (with_key) page += kKeyField;
  page += kMiddle;
  if (!with_key) page += kFrame;
  page += kAnswer;
  page += with_key ? kCommandWithKey : kCommand;
  page += kBottom;
  page += "<script>" + std::string(kScript) + "</script>\n";
  page += kEnd;
  return page;
}

std::string page_policy(bool with_key) {
  std::string policy =
      "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
      "frame-ancestors 'none'; ";
  if (!with_key) policy += "frame-src 'self'; ";
  return policy + "connect-src 'self'; script-src 'sha256-" + base64_of_sha256(kScript) + "'";
}

}  // namespace ctclip
