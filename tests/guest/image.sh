#!/bin/bash
# image.sh VERSION      make the image of a guest with OpenZFS 2.1 or 2.3, unless it is cached; print its folder
# image.sh --packages   print the Debian packages that building and booting it need
#
# A folder holds disk.img, vmlinuz, initrd.img, id (a key that root of the guest accepts), host_key (the guest's
# own, as a line of known_hosts) and versions (of what is in it).
#
# Three layers, each cached under the hash of what goes into it, so that a change costs only what depends on it:
#
#   base      Debian with a kernel, sshd and the libraries that backupd links             both versions; a minute
#   zfs       the kernel module, and the packages of the tools that belong to it          a version; 5 minutes
#   image     both of them with overlay/ on top, as a disk                                a version; seconds
#
# Everything is built in mount and pid namespaces of its own. They end with this script, however it ends, and
# take every mount and process with them: what clears a build folder away never sees anything mounted in it.

set -euo pipefail
umask 022
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

release=bookworm
disk_size=10G    # sparse

# On the machine that builds.
host_packages=(debootstrap e2fsprogs openssh-client qemu-system-x86 util-linux zstd)

# In the guest, whatever the version.
kernel_package=linux-image-cloud-amd64
headers_package=linux-headers-cloud-amd64
base_packages=(
    openssh-server iproute2 nftables kmod procps psmisc util-linux
    bash coreutils tcsh zstd jq curl netcat-openbsd socat sqlite3 strace python3
    libjansson4 libcurl4 libstdc++6 libsqlite3-0 libmicrohttpd12 libseccomp2 libasan8 libubsan1
)
# Only to compile the module.
toolchain_packages=(dkms gcc make libc6-dev)

# What a kernel needs to find its disk; the rest of the modules is on it.
initramfs_modules=(virtio_pci virtio_blk ext4)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
self=$here/$(basename "${BASH_SOURCE[0]}")
cache=${BACKUPD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/backupd}/guest

die() {
    echo "image.sh: $*" >&2
    exit 1
}

# --- what runs in the namespaces: layer_NAME BUILD, as root, with errors fatal and output in the log ---

# The mirror of RELEASE that this machine's apt uses, whichever way its sources are written.
debian_mirror() {
    # shellcheck disable=SC2016 # apt expands these
    apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(ORIGIN) $(REPO_URI)' 'Created-By: Packages' |
        awk -v release="$1" '$1 == release && $2 == "main" && ($3 == "Debian" || NF == 3) { print $NF; exit }'
}

write_apt_config() {
    local root=$1 mirror=$2 security
    security=$(debian_mirror $release-security)
    {
        echo "deb $mirror $release main contrib"
        echo "deb $mirror $release-updates main contrib"
        echo "deb $mirror $release-backports main contrib"
        [ -z "$security" ] || echo "deb $security $release-security main contrib"
    } >"$root/etc/apt/sources.list"
    {
        apt-config dump | grep -E '^Acquire::(https?::Proxy|Check-(Date|Valid-Until)) ' || :
        echo 'APT::Install-Recommends "false";'
        echo 'Acquire::Languages "none";'
    } >"$root/etc/apt/apt.conf.d/90guest"
}

write_dpkg_config() {
    local root=$1
    cat >"$root/etc/dpkg/dpkg.cfg.d/guest" <<-END
	force-unsafe-io
	force-confold
	path-exclude=/usr/share/doc/*
	path-exclude=/usr/share/man/*
	path-exclude=/usr/share/info/*
	path-exclude=/usr/share/locale/*
	path-exclude=/usr/share/lintian/*
	END
    # No package may start its daemon on the machine that builds.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
}

enter_root() {
    local root=$1
    shift
    mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
    mountpoint -q "$root/sys" || mount -t sysfs -o ro sysfs "$root/sys"
    mountpoint -q "$root/dev" || mount --bind /dev "$root/dev"
    env -i LC_ALL=C DEBIAN_FRONTEND=noninteractive HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        chroot "$root" "$@"
}

install_packages() {
    local root=$1
    shift
    enter_root "$root" apt-get install -qy --no-install-recommends "$@"
}

pack_root() {
    tar --one-file-system -C "$1" -cf - . | zstd -q -1 -T0 -o "$2"
}

unpack_base() {
    mkdir "$1"
    zstd -qdc "$base" | tar -C "$1" -xpf -
}

kernel_version() {
    basename "$(find "$1/lib/modules" -mindepth 1 -maxdepth 1 | sort -V | tail -n 1)"
}

layer_base() {
    local root=$1/root mirror proxy=
    mirror=$(debian_mirror $release)
    [ -n "$mirror" ] || die "apt on this machine knows no mirror of Debian $release"
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    ${proxy:+env http_proxy="$proxy"} debootstrap --variant=minbase --components=main,contrib \
        --include=ca-certificates $release "$root" "$mirror"
    write_apt_config "$root" "$mirror"
    write_dpkg_config "$root"
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
    rm -rf "$root"/usr/share/{doc,man,info,locale,lintian}/*
    mkdir -p "$root/etc/initramfs-tools/conf.d" "$root/usr/share/initramfs-tools/modules.d"
    echo MODULES=list >"$root/etc/initramfs-tools/conf.d/guest"
    printf '%s\n' "${initramfs_modules[@]}" >"$root/usr/share/initramfs-tools/modules.d/guest"
    enter_root "$root" apt-get update -q
    install_packages "$root" "$kernel_package" "${base_packages[@]}"
    enter_root "$root" apt-get clean
    # A mirror soon forgets the headers of yesterday's kernel, so they are kept with it.
    install_packages "$root" --download-only "$headers_package" "${toolchain_packages[@]}"
    mkdir "$root/toolchain"
    mv "$root"/var/cache/apt/archives/*.deb "$root/toolchain/"
    pack_root "$root" "$1/out"
}

layer_zfs() {
    local root=$1/root out=$1/zfs kernel
    unpack_base "$root"
    mkdir -p "$out/packages" "$out/modules"
    if [ "$version" = 2.3 ]; then
        printf 'Package: src:zfs-linux\nPin: release n=%s-backports\nPin-Priority: 990\n' $release \
            >"$root/etc/apt/preferences.d/zfs"
    fi
    enter_root "$root" apt-get update -q
    # Before the toolchain is there, so that this brings what the tools need and the base lacks.
    install_packages "$root" --download-only zfsutils-linux
    mv "$root"/var/cache/apt/archives/*.deb "$out/packages/"
    case $(cd "$out/packages" && echo zfsutils-linux_*) in
    zfsutils-linux_"$version".*) ;;
    *) die "the mirror has no OpenZFS $version" ;;
    esac
    # Kbuild takes KCFLAGS from the environment, after its own flags: nobody debugs these modules.
    enter_root "$root" sh -c 'KCFLAGS=-g0 apt-get install -qy --no-install-recommends /toolchain/*.deb zfs-dkms'
    kernel=$(kernel_version "$root")
    mv "$root/lib/modules/$kernel"/updates/dkms/*.ko "$out/modules/"
    tar -C "$out" -cf - . | zstd -q -1 -T0 -o "$1/out"
}

layer_image() {
    local root=$1/root out=$1/out kernel
    unpack_base "$root"
    mkdir -p "$out" "$root/zfs"
    zstd -qdc "$zfs" | tar -C "$root/zfs" -xf -
    kernel=$(kernel_version "$root")
    enter_root "$root" sh -c 'dpkg -i /zfs/packages/*.deb'
    mkdir -p "$root/lib/modules/$kernel/updates/dkms"
    mv "$root"/zfs/modules/*.ko "$root/lib/modules/$kernel/updates/dkms/"
    enter_root "$root" depmod "$kernel"
    cp -R --no-preserve=ownership "$here/overlay/." "$root/"
    write_identity "$root" "$out"
    # shellcheck disable=SC2016 # dpkg-query expands these
    {
        enter_root "$root" dpkg-query -W -f '${Package} ${Version}\n' zfsutils-linux openssh-server tcsh
        echo "kernel $kernel"
        echo "debian $(cat "$root/etc/debian_version")"
    } >"$out/versions"
    cp "$root/boot/vmlinuz-$kernel" "$out/vmlinuz"
    cp "$root/boot/initrd.img-$kernel" "$out/initrd.img"
    rm -rf --one-file-system "$root"/{zfs,toolchain} "${root:?}"/boot/* "$root"/tmp/* \
        "$root"/var/lib/apt/lists/* "$root"/var/cache/{apt,debconf}/* "$root"/var/log/*
    umount "$root/proc" "$root/sys" "$root/dev"
    mke2fs -q -t ext4 -F -E lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0 -d "$root" \
        "$out/disk.img" $disk_size
}

# Who the guest is, and who may log in. All of it is thrown-away test material.
write_identity() {
    local root=$1 out=$2 host
    echo guest >"$root/etc/hostname"
    printf '127.0.0.1 localhost guest\n' >"$root/etc/hosts"
    : >"$root/etc/resolv.conf"
    # The superuser once more with csh, to be a remote whose login shell is none of the Bourne family.
    echo 'toor:x:0:0:csh:/root:/bin/tcsh' >>"$root/etc/passwd"
    echo 'toor:*:19000:0:99999:7:::' >>"$root/etc/shadow"
    # An ordinary user, who may not do anything to a pool.
    enter_root "$root" useradd -m -s /bin/bash -p '*' user
    install -d -m 700 "$root/root/.ssh" "$root/etc/ssh/test_keys"
    rm -f "$root"/etc/ssh/ssh_host_*
    ssh-keygen -q -t ed25519 -N '' -C management -f "$root/etc/ssh/ssh_host_ed25519_key"
    ssh-keygen -q -t ed25519 -N '' -C test -f "$root/etc/ssh/test_keys/ssh_host_ed25519_key"
    ssh-keygen -q -t ed25519 -N '' -C host -f "$out/id"
    ssh-keygen -q -t ed25519 -N '' -C guest -f "$root/root/.ssh/id_ed25519"
    cat "$out/id.pub" "$root/root/.ssh/id_ed25519.pub" >"$root/root/.ssh/authorized_keys"
    for host in 127.0.0.1 localhost; do
        sed "s/^/$host /" "$root/etc/ssh/ssh_host_ed25519_key.pub"
        sed "s/^/[$host]:2222 /" "$root/etc/ssh/test_keys/ssh_host_ed25519_key.pub"
    done >"$root/root/.ssh/known_hosts"
    sed "s/^/guest /" "$root/etc/ssh/ssh_host_ed25519_key.pub" >"$out/host_key"
    chmod 600 "$root"/root/.ssh/{authorized_keys,known_hosts}
}

# --- the layers and their cache ---

# A layer's key covers its inputs and, by their text, the functions that make it.
hash_of() {
    sha256sum | cut -c 1-16
}

key_of() {
    case $1 in
    base)
        {
            echo "$release $kernel_package $headers_package ${base_packages[*]} ${toolchain_packages[*]}" \
                "${initramfs_modules[*]}"
            declare -f debian_mirror write_apt_config write_dpkg_config enter_root install_packages pack_root \
                layer_base
        } | hash_of
        ;;
    zfs)
        {
            key_of base
            echo "$version"
            declare -f unpack_base kernel_version layer_zfs
        } | hash_of
        ;;
    image)
        {
            key_of zfs
            echo "$disk_size"
            declare -f layer_image write_identity
            cd "$here/overlay"
            find . -type f -print0 | sort -z | xargs -0 sha256sum
            find . -type f -perm -u+x | sort
        } | hash_of
        ;;
    esac
}

# The path of a layer. What is before the key says which older ones it replaces.
path_of() {
    case $1 in
    base) echo "$cache/base-$(key_of base).tar.zst" ;;
    zfs) echo "$cache/zfs-$version-$(key_of zfs).tar.zst" ;;
    image) echo "$cache/image-$version-$(key_of image)" ;;
    esac
}

build=
child=

clean_up() {
    # Killing the first process of the pid namespace kills all of it, and with it goes the mount namespace.
    [ -z "$child" ] || kill -KILL "$child" 2>/dev/null || :
    [ -z "$child" ] || wait "$child" 2>/dev/null || :
    [ -z "$build" ] || rm -rf --one-file-system "$build"
}

# make_layer NAME PATH: builds it if it is not there; of two who ask, one builds and the other waits.
make_layer() {
    local name=$1 path=$2 log=$2.log stem old
    [ ! -e "$path" ] || return 0
    exec 9>"$path.lock"
    flock 9
    if [ ! -e "$path" ]; then
        echo "image.sh: building ${path##*/} (log: $log)" >&2
        rm -rf --one-file-system "$path".tmp.*    # of one that was killed; we hold the lock
        build=$(mktemp -d "$path.tmp.XXXXXX")
        chmod 755 "$build"
        setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc --propagation private \
            "$self" --layer "$name" "$version" "$build" 9>&- </dev/null >"$log" 2>&1 &
        child=$!
        if ! wait "$child"; then
            child=
            echo "image.sh: ${path##*/} could not be built; the end of $log:" >&2
            tail -n 25 "$log" >&2
            exit 1
        fi
        child=
        mv -T "$build/out" "$path"
        rm -rf --one-file-system "$build"
        build=
        stem=${path%-*}
        for old in "$stem"-*; do
            case $old in
            "$path"*) ;;
            *.lock | *.tmp.*) ;;
            *) rm -rf --one-file-system "$old" ;;
            esac
        done
        echo "image.sh: built ${path##*/} in ${SECONDS}s" >&2
    fi
    exec 9>&-
}

main() {
    local step
    [ "$(id -u)" = 0 ] || die "must be root"
    mkdir -p "$cache"
    if [ ! -e "$image" ]; then
        trap clean_up EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM HUP
        for step in base zfs image; do
            SECONDS=0
            make_layer $step "${!step}"
        done
    fi
    echo "$image"
}

case ${1-} in
--packages)
    echo "${host_packages[*]}"
    exit
    ;;
--layer) version=$3 ;;
2.1 | 2.3) version=$1 ;;
*)
    echo "usage: image.sh 2.1|2.3|--packages" >&2
    exit 2
    ;;
esac
base=$(path_of base)
zfs=$(path_of zfs)
image=$(path_of image)
if [ "$1" = --layer ]; then
    "layer_$2" "$4"
else
    main
fi
