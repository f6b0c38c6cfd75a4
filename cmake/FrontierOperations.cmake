# frontier_operation_table(<output> NAMESPACE <ns> TYPE <type> HEADER <header> TABLE <function> SOURCES <ops/*.cpp>...)
#   writes a source file with the table of what the files of one folder define: ops/conv.cpp defines `const <type>& <ns>::conv()`.
#   So a new kind of layer is its file alone, and nothing depends on statics that a linker may drop.
function(frontier_operation_table output)
  cmake_parse_arguments(arg "" "NAMESPACE;TYPE;HEADER;TABLE" "SOURCES" ${ARGN})
  list(SORT arg_SOURCES)
  set(declarations "")
  set(entries "")
  foreach(source IN LISTS arg_SOURCES)
    get_filename_component(name ${source} NAME_WE)
    string(APPEND declarations "const ${arg_TYPE}& ${name}();\n")
    string(APPEND entries "&${arg_NAMESPACE}::${name}(), ")
  endforeach()
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT [=[
// Made by the build from the names of the files in ops/.
#include "@arg_HEADER@"

namespace frontier {
namespace @arg_NAMESPACE@ {
@declarations@}  // namespace @arg_NAMESPACE@

std::span<const @arg_TYPE@* const> @arg_TABLE@() {
  static const @arg_TYPE@* const kTable[] = {@entries@};
  return kTable;
}

}  // namespace frontier
]=])
endfunction()
