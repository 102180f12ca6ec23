"""Spack's recipe: spack repo add packaging/spack; spack install ftorch."""

from spack.package import depends_on, license, variant, version  # noqa: A004 - Spack's names
from spack_repo.builtin.build_systems.cmake import CMakePackage


class Ftorch(CMakePackage):
    """PyTorch models inside Fortran programs: on the program's own arrays, without Python at run time."""

    # Neither an address nor a release is known to this recipe: spack develop --path <clone> ftorch@=0.1.0
    has_code = True
    license("MIT")

    version("0.1.0")

    variant("stub", default=False, description="Without PyTorch: the same modules, and every call is an error that says so")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("fortran", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("python@3.11:", type="build")
    depends_on("py-fypp@3.3:", type="build")
    depends_on("nlohmann-json@3.11:", type="build")
    # Once built, it runs with the minor version that it was built for.
    depends_on("py-torch@2.11:2.14", type=("build", "link", "run"), when="~stub")

    def cmake_args(self):
        """Say what is built."""
        return [
            self.define_from_variant("FTORCH_STUB", "stub"),
            self.define("Python_EXECUTABLE", self.spec["python"].command.path),
            self.define("CMAKE_INSTALL_LIBDIR", "lib"),
        ]
