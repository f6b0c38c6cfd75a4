# Install rules: headers, libraries, the program, and a package that find_package(Frontier) finds.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Frontier)

foreach(folder IN ITEMS common search_spaces supernet proxies searchers evaluators exports datasets db jobs report tables)
  install(DIRECTORY ${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/frontier FILES_MATCHING PATTERN "*.h" PATTERN "internal" EXCLUDE PATTERN "kernels" EXCLUDE)
endforeach()
get_property(targets GLOBAL PROPERTY FRONTIER_INSTALLED_TARGETS)
install(TARGETS ${targets} EXPORT FrontierTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT FrontierTargets NAMESPACE frontier:: DESTINATION ${package_dir})
configure_package_config_file(cmake/FrontierConfig.cmake.in ${PROJECT_BINARY_DIR}/FrontierConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/FrontierConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/FrontierConfig.cmake ${PROJECT_BINARY_DIR}/FrontierConfigVersion.cmake cmake/FindLibTorch.cmake DESTINATION ${package_dir})
