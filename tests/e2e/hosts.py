# SPDX-License-Identifier: Apache-2.0
"""Several hosts on one machine: network namespaces with names and addresses of their own, joined by a switch."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

# What mpirun calls to start its daemon on another host: the address, then the words of a shell command.
AGENT = """#!/bin/sh
address=$1
shift
exec ip netns exec {prefix}${{address##*.}} unshare --uts sh -c "hostname host${{address##*.}}; $*"
"""
# Hosts cannot log into each other, and have one network each.
SETTINGS = {"OMPI_MCA_plm_rsh_no_tree_spawn": "1", "OMPI_MCA_btl": "tcp,self,vader",
            "OMPI_MCA_btl_tcp_if_include": "eth0", "OMPI_MCA_oob_tcp_if_include": "eth0"}


def why_none() -> str:
    """Why there can be no hosts here; empty when there can."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if shutil.which("ip", path=path) is None or shutil.which("unshare", path=path) is None:
        return "ip or unshare is not installed: tools/install_dependencies --cluster"
    if os.geteuid() != 0:
        return "network namespaces need root"
    name = f"k7probe{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return "" if made.returncode == 0 else f"network namespaces are not allowed here: {made.stderr.strip()}"


class Hosts:
    """Hosts 1, 2, ... with the addresses 10.77.0.1, ...; close() takes them away."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.prefix = f"k7n{os.getpid()}h"
        self.folder = Path(tempfile.mkdtemp(prefix="k7_hosts."))
        self.agent = self.folder / "agent"
        self.agent.write_text(AGENT.format(prefix=self.prefix))
        self.agent.chmod(0o755)
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        self.ip("netns", "add", f"{self.prefix}switch")
        self.on_switch("link", "add", "bridge", "type", "bridge")
        self.on_switch("link", "set", "bridge", "up")
        for host in range(1, self.count + 1):
            name = f"{self.prefix}{host}"
            self.ip("netns", "add", name)
            self.on_switch("link", "add", f"port{host}", "type", "veth", "peer", "name", "eth0", "netns", name)
            self.on_switch("link", "set", f"port{host}", "master", "bridge", "up")
            self.ip("-n", name, "addr", "add", f"10.77.0.{host}/24", "dev", "eth0")
            self.ip("-n", name, "link", "set", "eth0", "up")
            self.ip("-n", name, "link", "set", "lo", "up")

    def ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    def on_switch(self, *words: str) -> None:
        self.ip("-n", f"{self.prefix}switch", *words)

    def cut(self, host: int) -> None:
        """Pulls the plug: packets of this host get lost, and nobody is told."""
        self.on_switch("link", "set", f"port{host}", "down")

    def mpirun(self, *words: object) -> list[str]:
        """The words that start a program with one rank on each host, from host 1."""
        hosts = ",".join(f"10.77.0.{host}:1" for host in range(1, self.count + 1))
        return ["ip", "netns", "exec", f"{self.prefix}1", "unshare", "--uts", "sh", "-c", 'hostname host1; exec "$@"',
                "sh", "mpirun", "--mca", "plm_rsh_agent", str(self.agent), "--host", hosts, "-n", str(self.count),
                *map(str, words)]

    def close(self) -> None:
        for name in [f"{self.prefix}{host}" for host in range(1, self.count + 1)] + [f"{self.prefix}switch"]:
            pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False).stdout
            if pids.split():
                subprocess.run(["kill", "-9", *pids.split()], check=False, capture_output=True)
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        shutil.rmtree(self.folder)
