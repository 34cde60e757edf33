# shellcheck shell=bash
# Faults of the way to the second site.

fault_about vpn-down '' 'OpenVPN on the near side ends: no route to the second site works'
fault_vpn_down() { service vpn1 end openvpn; }
undo_vpn_down() { vpn_up; }

fault_about vpn-stuck '' 'OpenVPN on the far side hangs: the tunnel is there and nothing comes through'
fault_vpn_stuck() { service far1 pause openvpn; }
undo_vpn_stuck() { service far1 resume openvpn; }

fault_about vpn-slow '[MS]' 'so many milliseconds one way (usually 400)'
fault_vpn_slow() { vpn_weather "${1:-400} 40 0 0 0"; }
undo_vpn_slow() { vpn_weather "$VPN_USUAL"; }

fault_about vpn-lossy '[PERCENT]' 'so many percent of the datagrams are lost (usually 20)'
fault_vpn_lossy() { vpn_weather "10 2 ${1:-20} 0 0"; }
undo_vpn_lossy() { vpn_weather "$VPN_USUAL"; }

fault_about vpn-flapping '[UP DOWN]' 'up and down in turn for so many seconds (usually 15 and 15)'
fault_vpn_flapping() { vpn_weather "10 2 0 ${1:-15} ${2:-15}"; }
undo_vpn_flapping() { vpn_weather "$VPN_USUAL"; }
