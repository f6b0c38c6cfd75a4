#include <algorithm>
#include <cctype>
#include <cstring>

#include "common/data_file.h"
#include "common/errors.h"
#include "common/text.h"
#include "datasets/internal/forms.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostHeaderBytes = 1 << 16;
constexpr std::int64_t kMostElements = std::int64_t{1} << 48;

/// An array as its header describes it.
struct NpyHeader {
  std::string type;  ///< "|u1", "<i8"
  std::vector<std::int64_t> shape;
};

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> sides;
  for (const std::int64_t side : shape) sides.push_back(std::to_string(side));
  return "[" + join(sides) + "]";
}

/// What stands behind 'key': in a Python dictionary of a header: a quoted text, a word or a tuple.
std::string value_of(const std::string& header, const std::string& key) {
  const std::size_t at = header.find("'" + key + "':");
  if (at == std::string::npos) return "";
  std::size_t begin = header.find_first_not_of(' ', at + key.size() + 3);
  if (begin == std::string::npos) return "";
  const char first = header[begin];
  const char last = first == '(' ? ')' : first == '\'' ? '\'' : ',';
  if (first == '(' || first == '\'') ++begin;
  const std::size_t end = header.find(last, begin);
  return end == std::string::npos ? "" : header.substr(begin, end - begin);
}

std::vector<std::int64_t> shape_of(DataFile& file, const std::string& text) {
  std::vector<std::int64_t> shape;
  std::int64_t elements = 1;
  for (const std::string& side : split(text, ',')) {
    if (trim(side).empty()) continue;
    std::int64_t length = -1;
    try {
      length = parse_integer(trim(side), "shape");
    } catch (const UsageError&) {
    }
    if (length < 1 || length > kMostElements / elements)
      file.fail("an array with at least one element a side", "the shape (" + printable(text) + ")");
    elements *= length;
    shape.push_back(length);
  }
  return shape;
}

/// Format versions 1 to 3 of NumPy's NEP 1.
NpyHeader read_header(DataFile& file) {
  const auto start = file.read(8, "the start of a NumPy file");
  if (std::memcmp(start.data(), "\x93NUMPY", 6) != 0) file.fail("a NumPy array (\\x93NUMPY)", "other bytes");
  const int version = start[6];
  if (version < 1 || version > 3) file.fail("format version 1, 2 or 3", std::to_string(version));
  const auto length_bytes = file.read(version == 1 ? 2 : 4, "the length of its header");
  std::size_t length = 0;
  for (std::size_t i = length_bytes.size(); i-- > 0;) length = length << 8 | length_bytes[i];
  if (length > kMostHeaderBytes)
    file.fail("a header of at most " + std::to_string(kMostHeaderBytes) + " bytes", std::to_string(length));
  const auto bytes = file.read(length, "its header");
  const std::string text(bytes.begin(), bytes.end());
  if (value_of(text, "fortran_order") != "False")
    file.fail("an array in C order; np.ascontiguousarray makes one", "the header " + printable(text, 120));
  return {value_of(text, "descr"), shape_of(file, value_of(text, "shape"))};
}

std::vector<std::uint8_t> read_elements(DataFile& file, const NpyHeader& header, std::size_t element_bytes) {
  std::uint64_t bytes = element_bytes;
  for (const std::int64_t side : header.shape) bytes *= static_cast<std::uint64_t>(side);
  const std::string what = "an array " + shape_text(header.shape);
  if (bytes > file.most_bytes())
    file.fail(std::to_string(bytes) + " bytes (" + what + ", as its header says)",
              "a file that can hold " + std::to_string(file.most_bytes()) + " at most");
  auto data = file.read(bytes, what);
  file.expect_end(what);
  return data;
}

/// [N, H, W], [N, H, W, C] or [N, C, H, W] of C = 1 or 3, as [N, C, H, W].
at::Tensor read_images(const fs::path& path) {
  DataFile file(path);
  const NpyHeader header = read_header(file);
  if (header.type != "|u1") file.fail("8-bit images (dtype uint8)", "dtype '" + printable(header.type) + "'");
  const auto& shape = header.shape;
  const auto is_channels = [](std::int64_t side) { return side == 1 || side == 3; };
  const bool last = shape.size() == 4 && is_channels(shape[3]);
  const bool second = shape.size() == 4 && !last && is_channels(shape[1]);
  if (shape.size() != 3 && !last && !second)
    file.fail("images [N, H, W], [N, H, W, C] or [N, C, H, W] with C = 1 or 3", shape_text(shape));
  const auto bytes = read_elements(file, header, 1);
  at::Tensor flat = at::empty({static_cast<std::int64_t>(bytes.size())}, at::kByte);
  std::memcpy(flat.mutable_data_ptr<std::uint8_t>(), bytes.data(), bytes.size());
  const at::Tensor images = flat.view(shape);
  if (shape.size() == 3) return images.unsqueeze(1);
  return second ? images : images.permute({0, 3, 1, 2}).contiguous();
}

/// [N] or [N, 1] of any integer type in this machine's byte order.
std::vector<std::int64_t> read_labels(const fs::path& path) {
  DataFile file(path);
  const NpyHeader header = read_header(file);
  const std::string& type = header.type;
  const bool is_integer = type.size() == 3 && (type[0] == '<' || (type[0] == '|' && type[2] == '1')) &&
                          (type[1] == 'i' || type[1] == 'u') && std::string("1248").find(type[2]) != std::string::npos;
  if (!is_integer)
    file.fail("whole numbers (dtype int64 or other little-endian integers)", "dtype '" + printable(type) + "'");
  if (header.shape.empty() || header.shape.size() > 2 || (header.shape.size() == 2 && header.shape[1] != 1))
    file.fail("labels [N]", shape_text(header.shape));
  const auto size = static_cast<std::size_t>(type[2] - '0');
  const auto bytes = read_elements(file, header, size);
  std::vector<std::int64_t> labels;
  for (std::size_t i = 0; i < bytes.size(); i += size) {
    std::uint64_t value = 0;
    for (std::size_t b = size; b-- > 0;) value = value << 8 | bytes[i + b];
    const auto unused = static_cast<int>(64 - 8 * size);
    const auto label =
        type[1] == 'i' ? static_cast<std::int64_t>(value << unused) >> unused : static_cast<std::int64_t>(value);
    labels.push_back(label);
  }
  return labels;
}

LabelledImages read_part(const fs::path& folder, Part part) {
  const fs::path labels_path = find_data_file(folder, "labels.npy");
  LabelledImages images{part, read_images(find_data_file(folder, "images.npy")), read_labels(labels_path),
                        labels_path.string()};
  if (images.images.size(0) != static_cast<std::int64_t>(images.labels.size()))
    throw UsageError(labels_path.string() + ": expected " + std::to_string(images.images.size(0)) +
                     " labels, as many as images.npy has images, saw " + std::to_string(images.labels.size()));
  return images;
}

}  // namespace

std::optional<RawData> read_npy_folder(const fs::path& root) {
  std::vector<LabelledImages> parts;
  if (try_data_file(root, "images.npy")) {
    parts.push_back(read_part(root, Part::kTrain));
  } else {
    for (const auto& [part, path] : part_folders(root)) {
      if (!try_data_file(path, "images.npy")) return std::nullopt;
      parts.push_back(read_part(path, part));
    }
  }
  if (parts.empty()) return std::nullopt;
  return join_parts("arrays images.npy and labels.npy", std::move(parts));
}

}  // namespace frontier
