#include "server/page.h"

namespace ctclip {

// The answer opens in a frame below the warning, so that no probability is seen without it.
std::string_view page_html() {
  return R"html(<!DOCTYPE html>
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
<button type="submit">Анализировать / <span lang="en">Analyse</span></button></p>
</form>

<div class="warning">
<p><strong>Внимание:</strong> система предназначена только для диагностической поддержки. Все
результаты должны быть проверены квалифицированным врачом-рентгенологом. Система не предназначена для
самостоятельной постановки диагноза.</p>
<p lang="en"><strong>Warning:</strong> for diagnostic support only. Every result must be checked by a
qualified radiologist. The system is not for making a diagnosis on its own.</p>
</div>
<p>Ответ / <span lang="en">Answer</span> (JSON):</p>
<iframe name="answer" title="Ответ / Answer"></iframe>

<h2>curl</h2>
<pre>curl -X POST http://localhost:8000/predict -F "file=@study.zip" -o result.json</pre>
<ul>
<li><code>?details=true</code>: все вероятности, признаки, предупреждения / <span lang="en">every
probability, feature and warning</span></li>
<li><code>?series_uid=1.2.3</code>: эта серия / <span lang="en">this series</span></li>
<li><code>?threshold=0.4</code>: порог решения / <span lang="en">decision threshold</span></li>
<li><code>?any_anatomy=true</code>: без проверки, есть ли лёгкие / <span lang="en">without the check
for lungs</span></li>
</ul>
<p><code>GET /health</code>, <code>GET /ready</code>,
<a href="/openapi.json">OpenAPI</a></p>
</body>
</html>
)html";
}

}  // namespace ctclip
