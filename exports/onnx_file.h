#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace frontier {

/// What an ONNX file of a network holds, as plain values. The one place that sees ONNX's protobuf classes is
/// onnx_file.cpp, which is compiled apart: LibTorch brings headers of another protobuf.
struct OnnxFile {
  enum class Type { kFloat = 1, kUint8 = 2, kInt64 = 7 };  ///< ONNX's numbers
  struct Tensor {
    std::string name = {};
    Type type = Type::kFloat;
    std::vector<std::int64_t> shape = {};
    std::string data = {};  ///< little-endian, row by row
  };
  struct Attribute {
    std::string name;
    std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>, Tensor> value;
  };
  struct Node {
    std::string operation = {};
    std::vector<std::string> inputs = {};
    std::string output = {};  ///< the node's name, too
    std::vector<Attribute> attributes = {};
  };
  struct Value {
    std::string name = {};
    Type type = Type::kFloat;
    std::vector<std::int64_t> shape = {};  ///< behind the batch "N"
  };

  std::string program_version = {};
  std::int64_t opset = 0;
  std::string text = {};  ///< of the graph, for people
  Value input = {}, output = {};
  std::vector<Node> nodes = {};
  std::vector<Tensor> initialisers = {};
  std::vector<Value> values = {};  ///< between the nodes
  std::map<std::string, std::string> metadata = {};
};

/// @throws Error where the file would have more than the 2 GB that protobuf allows.
std::string to_bytes(const OnnxFile& file);

/// Initialisers and metadata alone. @throws UsageError for bytes that are no ONNX file, or have other initialisers than
/// float32 with their data in one piece.
OnnxFile onnx_from_bytes(std::string_view bytes, std::string_view source);

}  // namespace frontier
