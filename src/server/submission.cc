#include "server/submission.h"

#include <utility>

namespace ctclip {

Submission make_submission(Upload upload, const ServerOptions& options) {
  Submission submission;
  AnalysisRequest& request = submission.request;
  request.study = upload.parameters.study(options.limits);
  request.study.any_anatomy |= options.any_anatomy;
  request.threshold = upload.parameters.threshold();
  request.details = upload.parameters.details();
  submission.upload = std::move(upload);
  return submission;
}

}  // namespace ctclip
