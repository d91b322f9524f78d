#include "server/upload_form.h"

#include <utility>

#include "base/error.h"

namespace ctclip {
namespace {

constexpr uint64_t kSpaceCheckEvery = uint64_t{16} << 20;

}  // namespace

void refuse_too_large(uint64_t limit) {
  throw Error(Code::upload_too_large,
              "The upload is larger than the limit of " + std::to_string(limit) + " bytes.");
}

UploadForm::UploadForm(std::string_view boundary, const Spool& spool, uint64_t max_bytes)
    : parser_(boundary, *this), spool_(spool), max_bytes_(max_bytes) {}

void UploadForm::feed(std::string_view bytes) {
  total_ += bytes.size();
  if (total_ > max_bytes_ + kOverhead) refuse_too_large(max_bytes_);
  parser_.feed(bytes);
}

Upload UploadForm::finish() {
  parser_.finish();
  if (!file_) {
    throw Error(Code::missing_file_field,
                "The form has no field 'file' (with curl: -F file=@study.zip).");
  }
  if (unknown_) parameters_.add(*unknown_, {});  // throws
  if (file_->size() == 0) throw Error(Code::empty_upload, "The uploaded file has no bytes.");
  return {*std::exchange(file_, std::nullopt), digest_.hex(), std::move(parameters_)};
}

void UploadForm::begin_part(const FormPart& part) {
  in_file_ = part.name == "file";
  if (!in_file_) {
    field_ = part.name;
    value_.clear();
    return;
  }
  if (file_) {
    throw Error(Code::bad_multipart,
                "The form has two fields 'file'; send one study in each request.");
  }
  file_ = spool_.create();
}

void UploadForm::part_data(std::string_view bytes) {
  if (in_file_) return write(bytes);
  if (!Parameters::known(field_)) return;
  if (value_.size() + bytes.size() > Parameters::kMaxValue) {
    throw Error(Code::bad_parameter, "The form's field '" + field_ + "' is longer than " +
                                         std::to_string(Parameters::kMaxValue) + " bytes.");
  }
  value_ += bytes;
}

void UploadForm::write(std::string_view bytes) {
  if (file_->size() + bytes.size() > max_bytes_) refuse_too_large(max_bytes_);
  if (file_->size() >= next_space_check_) {
    spool_.require_space(bytes.size());
    next_space_check_ = file_->size() + kSpaceCheckEvery;
  }
  file_->write(bytes);
  digest_.add(bytes);
}

// An unknown field waits for the form's end: where the study came under another name, that there is
// no field 'file' is the better reason.
void UploadForm::end_part() {
  if (in_file_) return;
  if (Parameters::known(field_)) {
    parameters_.add(field_, value_);
  } else if (!unknown_) {
    unknown_ = field_;
  }
}

}  // namespace ctclip
