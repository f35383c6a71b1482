//! Members on a real machine: image files and block devices, io_uring and a thread pool.
