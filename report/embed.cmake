# Writes a C++ file that holds text files as character arrays:
#   cmake -DOUTPUT=out.cpp -DNAMES=kA,kB -DFILES=a.js,b.css -P embed.cmake
string(REPLACE "," ";" names "${NAMES}")
string(REPLACE "," ";" files "${FILES}")
set(text "#include \"report/assets.h\"\n\nnamespace frontier::report_assets {\n\n")
foreach(name file IN ZIP_LISTS names files)
  file(READ "${file}" bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND text "static const unsigned char ${name}Bytes[] = {${bytes}};\n"
    "const std::string_view ${name}(reinterpret_cast<const char*>(${name}Bytes), sizeof ${name}Bytes);\n\n")
endforeach()
string(APPEND text "}  // namespace frontier::report_assets\n")
file(WRITE "${OUTPUT}" "${text}")
