#include "base/error.h"

#include <array>

namespace ctclip {
namespace {

constexpr std::array kCodes = {
    CodeInfo{Code::bad_http, "bad_http", Fault::bad_request,
             "the request is no well-formed HTTP, or its headers are over the limit"},
    CodeInfo{Code::missing_file_field, "missing_file_field", Fault::bad_request,
             "the multipart form has no field 'file'"},
    CodeInfo{Code::bad_multipart, "bad_multipart", Fault::bad_request,
             "the body is no well-formed multipart/form-data"},
    CodeInfo{Code::bad_parameter, "bad_parameter", Fault::bad_request,
             "a query parameter or form field has a value that is not allowed"},
    CodeInfo{Code::empty_upload, "empty_upload", Fault::bad_request, "the file has no bytes"},
    CodeInfo{Code::unsupported_format, "unsupported_format", Fault::bad_request,
             "neither ZIP nor NIfTI nor DICOM"},
    CodeInfo{Code::damaged_archive, "damaged_archive", Fault::bad_request,
             "the ZIP archive is truncated or its data do not match its checksums"},
    CodeInfo{Code::encrypted_archive, "encrypted_archive", Fault::bad_request,
             "the ZIP archive is protected by a password"},
    CodeInfo{Code::unauthenticated, "unauthenticated", Fault::bad_request,
             "no API key came with the request, or one that is not known"},
    CodeInfo{Code::forbidden, "forbidden", Fault::bad_request,
             "the API key does not have the scope that this needs"},
    CodeInfo{Code::not_found, "not_found", Fault::bad_request, "there is nothing at this path"},
    CodeInfo{Code::method_not_allowed, "method_not_allowed", Fault::bad_request,
             "the path exists, but not for this HTTP method"},
    CodeInfo{Code::upload_too_slow, "upload_too_slow", Fault::bad_request,
             "the upload stayed below the least rate, or took longer than the limit"},
    CodeInfo{Code::upload_too_large, "upload_too_large", Fault::too_large,
             "the upload has more bytes than the limit"},
    CodeInfo{Code::inflated_too_large, "inflated_too_large", Fault::too_large,
             "the archive inflates to more bytes than the limit, or to too many times its size"},
    CodeInfo{Code::too_many_entries, "too_many_entries", Fault::too_large,
             "the archive or folder has more files than the limit"},
    CodeInfo{Code::too_many_slices, "too_many_slices", Fault::too_large,
             "the series has more slices than the limit"},
    CodeInfo{Code::image_too_large, "image_too_large", Fault::too_large,
             "rows, columns or voxels are over the limit"},
    CodeInfo{Code::nested_too_deep, "nested_too_deep", Fault::too_large,
             "folders lie inside one another deeper than the limit"},
    CodeInfo{Code::no_dicom, "no_dicom", Fault::unprocessable, "no DICOM image was found"},
    CodeInfo{Code::too_few_slices, "too_few_slices", Fault::unprocessable,
             "no series has enough valid slices"},
    CodeInfo{Code::not_ct, "not_ct", Fault::unprocessable, "the images are not CT"},
    CodeInfo{Code::no_axial_series, "no_axial_series", Fault::unprocessable,
             "only localizers, derived images or series that are not axial"},
    CodeInfo{Code::series_not_found, "series_not_found", Fault::unprocessable,
             "the study or series asked for is not there, or the series is no candidate"},
    CodeInfo{Code::missing_uid, "missing_uid", Fault::unprocessable,
             "StudyInstanceUID, SeriesInstanceUID or SOPInstanceUID is absent, empty or not a UID"},
    CodeInfo{Code::missing_geometry, "missing_geometry", Fault::unprocessable,
             "position, orientation or spacing is absent or makes no sense"},
    CodeInfo{Code::inconsistent_geometry, "inconsistent_geometry", Fault::unprocessable,
             "the slices do not form one volume"},
    CodeInfo{Code::gantry_tilt, "gantry_tilt", Fault::unprocessable,
             "the slices are sheared against the axis they are stacked along"},
    CodeInfo{Code::uneven_spacing, "uneven_spacing", Fault::unprocessable,
             "the distance between slices changes more than resampling can mend"},
    CodeInfo{Code::missing_slices, "missing_slices", Fault::unprocessable,
             "more than one slice in a row is missing"},
    CodeInfo{Code::undecodable_pixels, "undecodable_pixels", Fault::unprocessable,
             "pixel data of the chosen series cannot be decoded"},
    CodeInfo{Code::damaged_nifti, "damaged_nifti", Fault::unprocessable,
             "the NIfTI header or data are damaged or unsupported"},
    CodeInfo{Code::no_lungs, "no_lungs", Fault::unprocessable,
             "no lungs, or only a sliver of them, are in the image"},
    CodeInfo{Code::lungs_outside, "lungs_outside", Fault::unprocessable,
             "too much of the lungs lies outside the volume that the networks see"},
    CodeInfo{Code::read_crashed, "read_crashed", Fault::unprocessable,
             "the process in which the service read the study crashed or was killed"},
    CodeInfo{Code::read_out_of_memory, "read_out_of_memory", Fault::unprocessable,
             "reading the study takes more memory than a study is given"},
    CodeInfo{Code::read_timeout, "read_timeout", Fault::unprocessable,
             "reading the study takes longer than a study is given"},
    CodeInfo{Code::study_timeout, "study_timeout", Fault::unprocessable,
             "the study took longer than the limit"},
    CodeInfo{Code::idempotency_conflict, "idempotency_conflict", Fault::bad_request,
             "the Idempotency-Key came with another study or other parameters before"},
    CodeInfo{Code::queue_full, "queue_full", Fault::busy, "too many studies are waiting"},
    CodeInfo{Code::client_limit, "client_limit", Fault::busy,
             "this client has as many studies or connections as one client may have"},
    CodeInfo{Code::too_many_attempts, "too_many_attempts", Fault::busy,
             "too many wrong API keys came from this address"},
    CodeInfo{Code::starting, "starting", Fault::unavailable, "the models are still being loaded"},
    CodeInfo{Code::too_many_connections, "too_many_connections", Fault::unavailable,
             "every connection that the service allows is at work"},
    CodeInfo{Code::shutting_down, "shutting_down", Fault::unavailable,
             "the service finishes what runs and takes nothing new"},
    CodeInfo{Code::disk_full, "disk_full", Fault::unavailable,
             "too little disk space for an upload"},
    CodeInfo{Code::history_unavailable, "history_unavailable", Fault::unavailable,
             "the history of studies is locked or cannot be read or written"},
    CodeInfo{Code::cancelled, "cancelled", Fault::cancelled, "the client went away"},
    CodeInfo{Code::usage, "usage", Fault::usage, "wrong options"},
    CodeInfo{Code::bad_model, "bad_model", Fault::bad_model,
             "a checkpoint, vocabulary or LightGBM model is damaged or does not fit"},
    CodeInfo{Code::internal, "internal", Fault::internal, "an error of the program"},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kCodes.size(); ++i) {
    if (kCodes[i].code != static_cast<Code>(i)) return false;
  }
  return true;
}
static_assert(in_order(), "kCodes stands in the order of Code");
static_assert(kCodes.size() == static_cast<std::size_t>(Code::internal) + 1);

}  // namespace

std::span<const CodeInfo> all_codes() { return kCodes; }
const CodeInfo& info(Code code) { return kCodes[static_cast<std::size_t>(code)]; }

}  // namespace ctclip
