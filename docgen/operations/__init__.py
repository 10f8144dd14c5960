"""What whoever runs the service needs: doctor and sweeping."""
