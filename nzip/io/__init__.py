"""Where bytes come in and go out: whatever may lose one stands here, below everything that speaks of formats.

* ``streams``         reading that waits, writing that writes all, for any file object
* ``descriptor``      the same for the system's own descriptors
* ``sources``         input files, each opened once and refused where it is not what it seems
* ``safe_output``     output that appears whole or not at all
* ``partial_output``  output that survives its job, for the same command to go on with
* ``durability``      fsync, renames that replace nothing, the umask
* ``foreign``         other formats, by their magic numbers

Concession: what a system call promised and did not do (a disk that lies about fsync) cannot be seen from
here."""
